import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { certificatePem } from '../../test/software-mac/apple/authority.ts'
import { authority, deviceChain, facts, SERIAL } from '../../test/support/trust-evidence.ts'
import { attestInspect } from './attest-inspect.ts'

let dir = ''
let output = ''
const at = ['--at', '2026-11-21T12:00:00Z']
const path = (name: string) => join(dir, name)

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-inspect-'))
  await writeFile(path('chain.pem'), deviceChain().map(certificatePem).join(''))
  await writeFile(path('bad.pem'), deviceChain({ sip: 1 }).map(certificatePem).join(''))
  await writeFile(path('root.pem'), certificatePem(authority.rootDer))
  await writeFile(path('root.der'), authority.rootDer)
  await writeFile(path('garbage'), 'garbage')
})
afterAll(() => rm(dir, { recursive: true }))

beforeEach(() => {
  output = ''
  const collect = (chunk: unknown) => {
    output += String(chunk)
    return true
  }
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(collect),
    vi.spyOn(process.stderr, 'write').mockImplementation(collect),
  ]
  return () => {
    for (const spy of spies) spy.mockRestore()
  }
})

test.each([
  ['a proven chain under a PEM root', 0, ['chain.pem', '--root', 'root.pem']],
  ['a proven chain under a DER root', 0, ['chain.pem', '--root', 'root.der', '--serial', SERIAL]],
  ['the same chain under Apple’s root', 10, ['chain.pem']],
  ['a chain with SIP off', 10, ['bad.pem', '--root', 'root.pem']],
  ['another serial number', 10, ['chain.pem', '--root', 'root.pem', '--serial', 'OTHER']],
  ['another nonce', 10, ['chain.pem', '--root', 'root.pem', '--nonce', '00'.repeat(32)]],
  ['garbage', 30, ['garbage']],
  ['a file that is not there', 30, ['absent']],
  ['a root that is not there', 30, ['chain.pem', '--root', 'absent']],
  ['a root that is garbage', 30, ['chain.pem', '--root', 'garbage']],
  ['a root file with two certificates', 30, ['chain.pem', '--root', 'chain.pem']],
])('%s exits with %i', async (_, exitCode, [file = '', option, value = '', ...rest]) => {
  const given = option === undefined ? [] : [option, option === '--root' ? path(value) : value]
  expect(await attestInspect([path(file), ...given, ...rest, ...at, '--json'])).toBe(exitCode)
  expect(JSON.parse(output)).toMatchObject({ exitCode })
})

test.each([
  ['no file', []],
  ['two files', ['a', 'b']],
  ['an unknown option', ['a', '--rot', 'x']],
  ['a time that is none', ['a', '--at', 'yesterday']],
  ['a nonce that is not hexadecimal', ['a', '--nonce', 'xyz']],
  ['an empty nonce', ['a', '--nonce', '']],
  ['a directory', ['/']],
])('%s is malformed input with a stable code and no stack trace', async (_, argv) => {
  expect(await attestInspect([...argv, '--json'])).toBe(30)
  expect(JSON.parse(output)).toMatchObject({
    verdict: 'malformed',
    error: { code: expect.stringMatching(/^(bad_option|unreadable_file)$/) },
  })
  expect(output).not.toContain('    at ')
})

test('says in words what was found, why, and what was not checked', async () => {
  await attestInspect([path('bad.pem'), '--root', path('root.pem'), ...at])
  expect(output).toContain('REFUSED')
  expect(output).toContain('SIP_DISABLED: System Integrity Protection is off.')
  expect(output).toContain('csrutil enable')
  expect(output).toContain('Not checked')
})

test('names the evaluation root to whoever forgot it, and only when that is the one fault', async () => {
  const hint = 'For a Mac of an evaluation, add --root .espalier/evaluation-root.pem.'
  await attestInspect([path('chain.pem'), ...at])
  expect(output.trimEnd().split('\n').at(-1)).toBe(hint)
  output = ''
  await attestInspect([path('bad.pem'), ...at])
  expect(output).not.toContain(hint)
})

test('an attestation from after the time has no negative age', async () => {
  await attestInspect([path('chain.pem'), '--root', path('root.pem'), '--at', '2020-01-01'])
  expect(output).toContain('Age: not yet made at that time')
  expect(output).not.toMatch(/Age: -/)
})

test('lets no control character of the file reach the terminal', async () => {
  const chain = deviceChain({ overrides: { commonName: `x\u001b[2J${facts().serial}` } })
  await writeFile(path('evil.pem'), chain.map(certificatePem).join(''))
  await attestInspect([path('evil.pem'), ...at])
  expect(output).not.toContain('\u001b')
})
