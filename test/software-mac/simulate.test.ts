import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { isAlive } from './process-lock.ts'
import { ended, stopChild } from './supervise.ts'
import { type MdmHost, startMdmHost, TOKEN } from './testing/mdm-host.ts'
import { FOLDER, run, scratch } from './testing/processes.ts'

const folder = scratch()
const appleDirectory = join(folder.path, 'evaluation-apple')
let host: MdmHost
let started: Fleet[] = []

beforeAll(async () => {
  await run('apple/main.ts', ['--dir', appleDirectory, '--init-only']).exit()
  host = await startMdmHost(appleDirectory)
})
afterEach(async () => {
  await Promise.all(started.map(({ child }) => stopChild(child, 20_000)))
  started = []
})
afterAll(async () => {
  await host.close()
  folder.remove()
})

type Line = { serial: string; state: string; detail?: string }
type Fleet = { child: ChildProcess; output(): string; states(state: string): Line[] }

function fleet(...args: string[]): Fleet {
  const entry = `import(${JSON.stringify(join(FOLDER, '../../deploy/commands/fleet.ts'))}).then((m) => m.fleetCommand(process.argv.slice(1))).then(process.exit)`
  const child = spawn(process.execPath, ['--eval', entry, '--', ...args], {
    env: { ...process.env, ESPALIER_DATA: folder.path, SOFTWARE_MAC_NO_AGENT: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stdout?.on('data', (part) => (text += part))
  child.stderr?.on('data', (part) => (text += part))
  const lines = () =>
    text
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line)
  const one: Fleet = { child, output: () => text, states: (state: string) => lines().filter((line) => line.state === state) }
  started.push(one)
  return one
}

const simulate = (...args: string[]) => fleet('simulate', '--url', host.url, '--token', TOKEN, '--json', ...args)

/** All processes below `pid`, by asking the system. */
function descendants(pid: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const rows = table
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(Number))
  const below = (parent: number): number[] => rows.filter(([, ppid]) => ppid === parent).flatMap(([child = 0]) => [child, ...below(child)])
  return below(pid)
}

test('makes, invites and enrolls the Macs it is asked for, and brings the same ones back without another invitation', async () => {
  const first = simulate('--macs', '2')
  await expect.poll(() => first.states('enrolled').length, { timeout: 15_000, message: first.output() }).toBe(2)
  expect(new Set(first.states('inviting').map(({ serial }) => serial))).toEqual(new Set(['ESPSIM000001', 'ESPSIM000002']))
  await stopChild(first.child, 20_000)
  expect(first.child.exitCode).toBe(0)

  const second = simulate('--macs', '2')
  await expect.poll(() => second.states('enrolled').length, { timeout: 15_000 }).toBe(2)
  expect(second.states('inviting')).toEqual([])
})

test('starts a Mac again that was killed', async () => {
  const one = simulate('--macs', '1')
  await expect.poll(() => one.states('enrolled').length, { timeout: 15_000 }).toBe(1)
  const table = execFileSync('ps', ['-A', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n')
  const mine = new Set(descendants(one.child.pid ?? 0))
  const mac = table.map((row) => /^\s*(\d+) .*mac\/main\.ts/.exec(row)?.[1]).find((pid) => pid !== undefined && mine.has(Number(pid)))
  process.kill(Number(mac), 'SIGKILL')
  await expect.poll(() => one.states('crashed').length, { timeout: 15_000 }).toBe(1)
  await expect.poll(() => one.states('enrolled').length, { timeout: 15_000 }).toBe(2)
  expect(one.states('inviting')).toEqual([])
})

test('runs other Macs than a simulator that is there already, with the same software Apple', async () => {
  const first = simulate('--macs', '1')
  await expect.poll(() => first.states('enrolled').length, { timeout: 15_000 }).toBe(1)
  const second = simulate('--macs', '1')
  await expect.poll(() => second.states('enrolled').length, { timeout: 15_000 }).toBe(1)
  expect(second.states('enrolled')[0]?.serial).not.toBe(first.states('enrolled')[0]?.serial)
})

test.each(['SIGTERM', 'SIGKILL'] as const)('leaves no process behind after %s', async (signal) => {
  const one = simulate('--macs', '2')
  await expect.poll(() => one.states('enrolled').length, { timeout: 15_000 }).toBe(2)
  const below = descendants(one.child.pid ?? 0)
  expect(below.length).toBeGreaterThanOrEqual(4) // simulator, software Apple, two Macs
  one.child.kill(signal)
  await ended(one.child)
  await expect.poll(() => below.filter(isAlive), { timeout: 15_000 }).toEqual([])
})

describe('what cannot be done', () => {
  test('ends with 10 where the appliance will have none of the Macs', async () => {
    const one = fleet(
      'simulate',
      '--url',
      host.url,
      '--token',
      'esp_wrong',
      '--macs',
      '1',
      '--dir',
      join(folder.path, 'unwanted'),
      '--json',
    )
    expect((await ended(one.child)).code).toBe(10)
    expect(one.states('refused')[0]?.detail).toContain('401')
  })

  test.each([
    [20, ['simulate', '--engine', 'mlx', '--url', 'http://localhost:1', '--token', 'x']],
    [30, ['simulate', '--engine', 'gpt', '--url', 'http://localhost:1', '--token', 'x']],
    [30, ['simulate', '--token', 'x']],
    [30, ['simulate', '--url', 'http://localhost:1']],
    [30, ['simulate', '--url', 'http://localhost:1', '--token', 'x', '--macs', '0']],
    [30, ['simulate', '--url', 'http://localhost:1', '--token', 'x', '--slots', 'many']],
    [30, ['simulate', '--no-such-flag']],
    [30, ['paint']],
    [30, []],
  ])('exits with %i for %j', async (code, args) => {
    expect((await ended(fleet(...args).child)).code).toBe(code)
  })
})
