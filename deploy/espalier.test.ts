import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../test/support/scratch-folder.ts'

const program = join(import.meta.dirname, 'espalier.mjs')

function espalier(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })
  return { code: status, out: stdout, err: stderr }
}

describe('espalier', () => {
  test('without a command, and with --help, lists what it can do', () => {
    for (const answer of [espalier(), espalier('--help'), espalier('help')]) {
      expect(answer.code).toBe(0)
      expect(answer.out).toMatch(/^ {2}serve +run the appliance$/m)
    }
  })

  test('an unknown command is malformed input, with a hint', () => {
    const answer = espalier('prune')
    expect([answer.code, answer.out]).toEqual([30, ''])
    expect(answer.err).toBe('espalier: There is no command “prune”. “espalier --help” lists them.\n')
    expect(JSON.parse(espalier('prune', '--json').out).code).toBe('unknown_command')
  })

  test('a command that this version does not have is unsupported', () => {
    const answer = espalier('--json', 'verify-receipt', 'receipt.json')
    expect(answer.code).toBe(20)
    expect(JSON.parse(answer.out).code).toBe('unsupported')
  })

  test('tells its version', () => {
    expect(espalier('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  })

  test('lists nothing that this version lacks', () => {
    expect(espalier('--help').out).not.toMatch(/^ {2}doctor|mlx|proxy|verify-receipt/m)
  })

  test.each([['serve'], ['agent'], ['fleet'], ['fleet simulate'], ['attest inspect'], ['push']])('%s --help shows its usage', (command) => {
    expect(espalier(...command.split(' '), '--help')).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/espalier /) })
  })

  test.each([
    ['“espalier attest” needs to be told what to do: inspect.', ['attest']],
    ['Say what the fleet should do: simulate.', ['fleet']],
    ['“--frob” is nothing that serve takes.', ['serve', '--frob']],
    ['“production” is nothing that serve takes.', ['serve', '--dev', 'production']],
    ['“--dev=yes” is nothing that serve takes.', ['serve', '--dev=yes']],
  ])('says “%s” and ends with 30', (sentence, argv) => {
    expect(espalier(...argv)).toMatchObject({ code: 30, out: '', err: expect.stringContaining(sentence) })
  })

  test('a faulty configuration is listed and ends with 1', () => {
    const { status, stderr } = spawnSync(process.execPath, [program, 'serve'], {
      encoding: 'utf8',
      env: { ...process.env, ESPALIER_MODE: 'production', PORT: 'http' },
    })
    expect(status).toBe(1)
    for (const variable of ['PORT', 'ESPALIER_SECRET', 'ESPALIER_PUBLIC_URL', 'DATABASE_URL']) expect(stderr).toContain(`  ${variable}: `)
    expect(stderr).not.toContain('    at ')
  })
})

describe('handing over to a program', () => {
  const handOver = pathToFileURL(join(import.meta.dirname, 'setup/hand-over.mjs')).href

  /** A parent that hands over to a child whose text is given. */
  function parentOf(childText: string) {
    const dir = scratchFolder()
    writeFileSync(join(dir, 'child.mjs'), childText)
    const text = `import { handOver } from '${handOver}'; process.exitCode = await handOver(process.execPath, ['child.mjs'], ${JSON.stringify(dir)})`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    const heard = (word: string): Promise<void> =>
      new Promise((resolve) => {
        parent.stdout.on('data', (data) => {
          out += data
          if (out.includes(word)) resolve()
        })
      })
    const ended = new Promise<number | null>((resolve) => parent.once('exit', resolve))
    return { parent, heard, ended }
  }

  test('keeps its exit code', async () => {
    expect(await parentOf('process.exit(20)').ended).toBe(20)
  })

  test('passes a signal on, and waits for its orderly end', async () => {
    const { parent, heard, ended } = parentOf(
      `setInterval(() => 0, 1000); process.on('SIGTERM', () => setTimeout(() => process.exit(7), 200)); console.log('ready')`,
    )
    await heard('ready')
    parent.kill('SIGTERM')
    expect(await ended).toBe(7)
  })

  test('leaves no child behind when it is killed', async () => {
    const { parent, heard } = parentOf(
      `setInterval(() => 0, 1000); process.on('disconnect', () => { console.log('orphaned'); process.exit() }); console.log('ready')`,
    )
    await heard('ready')
    const orphaned = heard('orphaned')
    parent.kill('SIGKILL')
    await orphaned
  })
})
