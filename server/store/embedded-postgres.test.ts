import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client } from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { postmasterPid, stopPostgres } from './postgres-orphan.ts'

type Said = { url?: string; report?: string; refused?: string; stopping?: string; stopped?: boolean }

/** A process that holds the lock and the database of a data directory, and the lines that it says. */
type Holder = { child: ChildProcess; next(has: keyof Said): Promise<Said>; ended: Promise<number | null> }

const folders: string[] = []
const holders: Holder[] = []

afterEach(async () => {
  for (const { child, ended } of holders.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
  for (const folder of folders.splice(0)) {
    const pid = postmasterPid(clusterOf(dataDirOf(folder)))
    if (pid !== undefined) await stopPostgres(pid)
    rmSync(folder, { recursive: true })
  }
})

const dataDirOf = (folder: string): string => join(folder, 'data')
const clusterOf = (dataDir: string): string => join(dataDir, 'postgres/cluster')

function newDataDir(mode = 0o755): string {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-embedded-'))
  folders.push(folder)
  mkdirSync(dataDirOf(folder), { mode: 0o711 })
  chmodSync(folder, mode)
  return dataDirOf(folder)
}

function hold(dataDir: string): Holder {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'testing/database-holder.ts'), dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said: Said[] = []
  const waiting: (() => void)[] = []
  const wake = (): void => {
    for (const resume of waiting.splice(0)) resume()
  }
  let over = false
  createInterface({ input: child.stdout })
    .on('line', (line) => {
      said.push(JSON.parse(line) as Said)
      wake()
    })
    .on('close', () => {
      over = true
      wake()
    })
  const next = async (has: keyof Said): Promise<Said> => {
    for (;;) {
      const index = said.findIndex((line) => line[has] !== undefined)
      const found = said[index]
      if (found) {
        said.splice(0, index + 1)
        return found
      }
      if (over) throw new Error(`ended without “${has}”: ${JSON.stringify(said)}`)
      await new Promise<void>((resume) => waiting.push(resume))
    }
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const holder = { child, next, ended }
  holders.push(holder)
  return holder
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function eventually<T>(attempt: () => Promise<T>, withinMs = 15_000): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

const urlOf = async (holder: Holder): Promise<string> => (await holder.next('url')).url ?? ''

function pidOf(dataDir: string): number {
  const pid = postmasterPid(clusterOf(dataDir))
  if (pid === undefined) throw new Error('no postmaster.pid')
  return pid
}

describe('the embedded database', { timeout: 60_000 }, () => {
  test('listens on this machine only, asks for its password, and keeps it from others', async () => {
    const dataDir = newDataDir()
    const url = await urlOf(hold(dataDir))
    expect(await query(url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }])
    await expect(query(url.replace(/:[0-9a-f]+@/, ':wrong@'), 'SELECT 1')).rejects.toThrow(/password authentication failed/)
    expect(statSync(join(dataDir, 'postgres-password')).mode & 0o777).toBe(0o600)
    expect(statSync(join(dataDir, 'postgres')).mode & 0o777).toBe(0o700)
    expect(existsSync(join(dataDir, 'postgres/initdb-password'))).toBe(false)
  })

  test('Ctrl-C stops the work first, then the database in order, and frees the directory', async () => {
    const dataDir = newDataDir()
    const holder = hold(dataDir)
    const url = await urlOf(holder)
    holder.child.kill('SIGINT')
    await holder.next('stopping')
    await holder.next('stopped')
    expect(await holder.ended).toBe(0)
    await expect(query(url, 'SELECT 1')).rejects.toThrow()
    expect(readFileSync(join(dataDir, 'postgres.log'), 'utf8')).toMatch(/database system is shut down/)
    expect(existsSync(join(dataDir, 'lock'))).toBe(false)
  })

  test.runIf(process.platform === 'linux')('stands outside the process group that a terminal interrupts', async () => {
    const dataDir = newDataDir()
    await urlOf(hold(dataDir))
    const stat = readFileSync(`/proc/${pidOf(dataDir)}/stat`, 'utf8')
    const processGroup = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
    expect(processGroup).toBe(pidOf(dataDir))
  })

  test('after kill -9 of its holder the next start stops the orphan and finds every row', async () => {
    const dataDir = newDataDir()
    const first = hold(dataDir)
    await query(await urlOf(first), 'CREATE TABLE kept AS SELECT 42 AS answer')
    const orphan = pidOf(dataDir)
    first.child.kill('SIGKILL')
    await first.ended
    const second = hold(dataDir)
    expect((await second.next('report')).report).toContain(`pid ${orphan}`)
    expect(await query(await urlOf(second), 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
    expect(pidOf(dataDir)).not.toBe(orphan)
  })

  test('after kill -9 of the database itself it is restarted under the same address with every row', async () => {
    const dataDir = newDataDir()
    const holder = hold(dataDir)
    const url = await urlOf(holder)
    await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    process.kill(pidOf(dataDir), 'SIGKILL')
    expect((await holder.next('report')).report).toMatch(/PostgreSQL ended \(SIGKILL\); restarting/)
    expect(await eventually(() => query(url, 'SELECT answer FROM kept'))).toEqual([{ answer: 42 }])
  })

  test('after kill -9 of both at once the next start recovers', async () => {
    const dataDir = newDataDir()
    const first = hold(dataDir)
    await query(await urlOf(first), 'CREATE TABLE kept AS SELECT 42 AS answer')
    first.child.kill('SIGKILL')
    process.kill(pidOf(dataDir), 'SIGKILL')
    await first.ended
    expect(await query(await urlOf(hold(dataDir)), 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  })

  test('a second start on the same directory is refused, names the process, and disturbs nothing', async () => {
    const dataDir = newDataDir()
    const first = hold(dataDir)
    const url = await urlOf(first)
    const second = hold(dataDir)
    expect((await second.next('refused')).refused).toMatch(
      new RegExp(`already runs on this data directory, as process ${first.child.pid}\\. Stop it`),
    )
    expect(await second.ended).toBe(1)
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('a first start that was interrupted while making the cluster is begun again', async () => {
    const dataDir = newDataDir()
    mkdirSync(join(dataDir, 'postgres/cluster.new'), { recursive: true })
    expect(await query(await urlOf(hold(dataDir)), 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('a lost password is a sentence with a remedy, not a crash loop', async () => {
    const dataDir = newDataDir()
    const first = hold(dataDir)
    await urlOf(first)
    first.child.kill('SIGTERM')
    await first.ended
    rmSync(join(dataDir, 'postgres-password'))
    expect((await hold(dataDir).next('refused')).refused).toMatch(/postgres-password is missing.*Bring the file back/)
  })

  // As root PostgreSQL runs under an account without rights, to which folders such as /root are closed.
  test.runIf(process.getuid?.() === 0 && process.platform === 'linux')(
    'runs in a folder that its account cannot reach by path',
    async () => {
      const dataDir = newDataDir(0o700)
      const holder = hold(dataDir)
      const url = await urlOf(holder)
      await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer')
      process.kill(pidOf(dataDir), 'SIGKILL')
      expect(await eventually(() => query(url, 'SELECT answer FROM kept'))).toEqual([{ answer: 42 }])
      expect(statSync(clusterOf(dataDir)).uid).not.toBe(0)
    },
  )
})
