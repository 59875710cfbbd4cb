import { describe, expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { parseAgentOptions, parseStateFolder } from './options.ts'
import { AGENT_VERSION } from './version.ts'

const SOFTWARE = ['--platform', 'software:/srv/mac']

test('reads flags over the environment', () => {
  const env = { ESPALIER_URL: 'http://localhost:3200', ESPALIER_AGENT_PLATFORM: 'macos', ESPALIER_AGENT_SLOTS: '8' }
  const flags = [...SOFTWARE, '--engine', 'sim', '--model', 'a=/m/a', '--model', 'b', '--ttft-ms', '50', '--itl-ms', '2.5']
  expect(parseAgentOptions(flags, env)).toEqual({
    ok: true,
    options: {
      url: 'ws://localhost:3200/agent',
      platform: { kind: 'software', folder: '/srv/mac' },
      engine: { kind: 'sim', slots: 8, contextTokens: 8192, ttftMs: 50, itlMs: 2.5 },
      models: [
        { name: 'a', directory: '/m/a' },
        { name: 'b', directory: '' },
      ],
      stateFolder: '/srv/mac/agent',
    },
  })
})

describe('the address of the appliance', () => {
  test.each([
    ['https://espalier.example.com', 'wss://espalier.example.com/agent'],
    ['https://example.com/espalier/', 'wss://example.com/espalier/agent'],
    ['http://127.0.0.1:3200/agent', 'ws://127.0.0.1:3200/agent'],
    ['wss://example.com/agent/', 'wss://example.com/agent'],
  ])('%s is dialled at %s', (given, dialled) => {
    expect(parseAgentOptions([...SOFTWARE, '--url', given], {})).toMatchObject({ ok: true, options: { url: dialled } })
  })
})

describe('plain HTTP', () => {
  test.each(['http://localhost:3200', 'ws://127.0.0.1:3200', 'http://127.9.9.9', 'http://[::1]:3200', 'http://[0:0:0:0:0:0:0:1]'])(
    'is spoken to this machine: %s',
    (url) => expect(parseAgentOptions([...SOFTWARE, '--url', url], {})).toMatchObject({ ok: true }),
  )

  test.each([
    'http://espalier.example.com',
    'ws://192.168.1.10:3200',
    'http://0.0.0.0:3200',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'ws://[2001:db8::1]',
  ])('is refused to any other: %s', (url) => {
    const parsed = parseAgentOptions([...SOFTWARE, '--url', url], {})
    expect(parsed).toEqual({
      ok: false,
      faults: [expect.stringMatching(/^ESPALIER_URL speaks plain HTTP to .* Use its https:\/\/ address$/)],
    })
    expect(parseAgentOptions([...SOFTWARE, '--url', url.replace(/^http|^ws/, 'https')], {})).toMatchObject({ ok: true })
  })
})

test('lists every fault at once, each with its remedy', () => {
  const flags = ['--platform', 'toaster', '--engine', 'steam', '--slots', 'many', '--model', '=x', '--url', 'ftp://x']
  const parsed = parseAgentOptions(flags, {})
  expect(parsed.ok).toBe(false)
  if (!parsed.ok) expect(parsed.faults).toHaveLength(5)
})

test('refuses a flag that it does not know', () => {
  expect(parseAgentOptions([...SOFTWARE, '--fast'], { ESPALIER_URL: 'http://x' })).toMatchObject({ ok: false })
})

test('finds the status of a Mac made of software in its folder', () => {
  expect(parseStateFolder(SOFTWARE, {})).toBe('/srv/mac/agent')
  expect(parseStateFolder([...SOFTWARE, '--state', '/var/s'], {})).toBe('/var/s')
  expect(parseStateFolder(['--platform', 'toaster'], {})).toBeUndefined()
})

test('an agent calls itself by the version of its package', () => {
  expect(AGENT_VERSION).toBe(manifest.version)
})
