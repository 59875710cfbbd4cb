import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startCoordinator, type TestCoordinator } from '../../agent/testing/coordinator.ts'
import { softwareFolder } from '../../agent/testing/software-folder.ts'

const ENTRY = `import { agentCommand } from ${JSON.stringify(join(import.meta.dirname, 'agent.ts'))}
process.exitCode = await agentCommand(process.argv.slice(1))`

let mac: Awaited<ReturnType<typeof softwareFolder>>
let coordinator: TestCoordinator
beforeEach(async () => {
  mac = await softwareFolder()
  coordinator = await startCoordinator()
})
afterEach(async () => {
  await coordinator.close()
  await mac.remove()
})

/** Runs `espalier agent …` as a process of its own. */
function espalierAgent(...argv: string[]) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', ENTRY, '--', ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Nothing else of this environment may reach it.
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'test' },
  })
  let out = ''
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString()
  })
  child.stderr.on('data', (data: Buffer) => {
    out += data.toString()
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, out }))
  return { child, ended }
}

const platform = () => ['--platform', `software:${mac.folder}`]

test('runs until it is told to stop, tells its status meanwhile, then drains and exits with 0', async () => {
  const url = coordinator.url.replace('ws:', 'http:').replace('/agent', '')
  const run = espalierAgent('run', ...platform(), '--url', url, '--engine', 'sim', '--model', 'sim-model', '--itl-ms', '20')
  const agent = await coordinator.nextAgent()
  const config = await agent.establish()
  const sampling = { temperature: 0, topP: 1 }
  const asked = { model: 'sim-model', messages: [{ role: 'user' as const, content: 'a b c d e f g h' }], sampling, stop: [] }
  const { request } = await agent.ask(config, asked)
  await agent.next('accepted')
  await new Promise((resolve) => setTimeout(resolve, 300))
  const status = await espalierAgent('status', ...platform()).ended
  expect(status).toMatchObject({ code: 0, out: expect.stringMatching(/trusted[\s\S]*sim-model ready/) })
  const second = await agent.ask(config, { ...asked, maxTokens: 20 })
  await agent.next('accepted')
  run.child.kill('SIGTERM')
  expect([(await agent.next('done')).request, (await agent.next('done')).request]).toEqual([request, second.request])
  await agent.next('drained')
  expect((await run.ended).code).toBe(0)
  const after = await espalierAgent('status', ...platform(), '--json').ended
  expect(after.code).toBe(20)
  expect(JSON.parse(after.out)).toMatchObject({ running: false, status: { connected: false } })
}, 20_000)

test('a Mac that is connected and not trusted has a status that says so', async () => {
  const run = espalierAgent('run', ...platform(), '--url', coordinator.url, '--engine', 'sim')
  const agent = await coordinator.nextAgent()
  await agent.challenge()
  agent.send({ type: 'status', mac: agent.mac, trust: 'refused', reasons: ['SIP_DISABLED'], evidenceDigest: null })
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(await espalierAgent('status', ...platform()).ended).toMatchObject({ code: 10, out: expect.stringContaining('SIP_DISABLED') })
  run.child.kill('SIGTERM')
  expect((await run.ended).code).toBe(0)
}, 20_000)

test.each([
  ['no agent has run here', ['status'], 20],
  ['127.0.0.1:1 does not answer', ['doctor', '--url', 'http://127.0.0.1:1'], 10],
  ['ESPALIER_URL', ['doctor'], 30],
  ['--frobnicate', ['trial', '--frobnicate'], 30],
  ['ESPALIER_URL', ['run', '--engine', 'sim'], 30],
  ['There is no “espalier agent dance”: say run, status, doctor or trial.', ['dance'], 30],
  ['Say what the agent should do: run, status, doctor or trial.', [], 30],
  ['espalier agent status', ['--help'], 0],
  ['--engine E', ['run', '--help'], 0],
])('says “%s” to agent %s', async (words, [command, ...rest]: string[], code) => {
  const flags = command === 'run' || command === 'status' || command === 'doctor' ? platform() : []
  expect(await espalierAgent(...(command === undefined ? [] : [command]), ...flags, ...rest).ended).toMatchObject({
    code,
    out: expect.stringContaining(words),
  })
})

if (process.platform !== 'darwin') {
  test.each([
    ['The trial needs a Mac', []],
    ['"code":"unsupported"', ['--json']],
  ])('says “%s” to a trial where there is no Mac, and lists its steps', async (words, flags) => {
    const { code, out } = await espalierAgent('trial', ...flags).ended
    expect({ code, out }).toMatchObject({ code: 20, out: expect.stringContaining(words) })
    expect(out).toContain('kern.bootsessionuuid')
  })

  test('refuses to be a Mac where there is none', async () => {
    const { code, out } = await espalierAgent('run', '--platform', 'macos', '--url', coordinator.url, '--engine', 'sim').ended
    expect({ code, out }).toMatchObject({ code: 20, out: expect.stringContaining('platform_unsupported') })
  })
}
