import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { postmasterPid, stopOrphan, stopPostgres } from './postgres-orphan.ts'
import { type PostgresPlace, preparePlace } from './postgres-place.ts'

export type EmbeddedPostgres = {
  /** `postgresql://espalier:…@127.0.0.1:PORT/espalier`; stays the same when the server is restarted. */
  url: string
  /** Settles when the server cannot be kept running; never otherwise. */
  lost: Promise<Error>
  close(): Promise<void>
}

export type EmbeddedPostgresOptions = {
  dataDir: string
  /** False for throw-away data: no fsync. */
  durable?: boolean
  report?: (line: string) => void
}

const USER = 'espalier'
const DATABASE = 'espalier'
const MAX_LOG_BYTES = 16 * 1024 * 1024
/** Waits before each restart in a row; past the last one the server counts as lost. A minute of life starts the row anew. */
const RESTART_DELAYS_MS = [50, 200, 500, 1_000, 2_000, 4_000, 8_000, 8_000]
const STABLE_AFTER_MS = 60_000
/** Crash recovery replays the write-ahead log before it lets anybody in. */
const READY_WITHIN_MS = 120_000

/**
 * The real PostgreSQL from an npm package, run by us: on 127.0.0.1 only, with a random password, in a process group of its own
 * (Ctrl-C in the terminal must not end the database before the appliance has finished), restarted when it dies.
 * The caller holds the lock of the data directory.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const report = options.report ?? (() => undefined)
  const durable = options.durable ?? true
  const place = preparePlace(options.dataDir)
  const orphan = await stopOrphan(place.clusterDir)
  if (orphan !== undefined) report(`Stopped the PostgreSQL that an earlier run had left behind (pid ${orphan}).`)
  const password = readOrMakePassword(options.dataDir, place)
  if (!existsSync(place.clusterDir)) await createCluster(place, password, durable)
  refuseOtherMajorVersion(place)
  const server = superviseServer(place, durable, report)
  try {
    await Promise.race([server.lost.then((error) => Promise.reject(error)), server.whenReady(password)])
  } catch (error) {
    await server.close()
    throw error
  }
  return { url: databaseUrl(password, server.port(), DATABASE), lost: server.lost, close: server.close }
}

const databaseUrl = (password: string, port: number, database: string): string =>
  `postgresql://${USER}:${password}@127.0.0.1:${port}/${database}`

function readOrMakePassword(dataDir: string, place: PostgresPlace): string {
  const file = join(dataDir, 'postgres-password')
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  if (existsSync(place.clusterDir)) {
    throw new Error(
      `${file} is missing, and without it the database in ${place.clusterDir} cannot be opened. Bring the file back, or restore a backup.`,
    )
  }
  const password = randomBytes(24).toString('hex')
  writeFileSync(file, password, { mode: 0o600 })
  return password
}

/** A first start that is interrupted leaves `cluster.new`, never half a cluster. */
async function createCluster(place: PostgresPlace, password: string, durable: boolean): Promise<void> {
  const unfinished = join(place.homeDir, 'cluster.new')
  const passwordFile = join(place.homeDir, 'initdb-password')
  rmSync(unfinished, { recursive: true, force: true })
  rmSync(passwordFile, { force: true })
  writeFileSync(passwordFile, password, { mode: 0o600, flag: 'wx' })
  if (place.account) chownSync(passwordFile, place.account.uid, place.account.gid)
  try {
    const child = runAsAccount(place, 'initdb', (home) => [
      `--pgdata=${home}/cluster.new`,
      `--pwfile=${home}/initdb-password`,
      `--username=${USER}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      ...(durable ? [] : ['--no-sync']),
    ])
    const code = await new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject))
    if (code !== 0) throw new Error(`initdb failed (${code}). Its words are in ${place.logFile}:\n${logTail(place)}`)
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(unfinished, place.clusterDir)
}

function refuseOtherMajorVersion(place: PostgresPlace): void {
  const cluster = readFileSync(join(place.clusterDir, 'PG_VERSION'), 'utf8').trim()
  if (cluster === '18') return
  throw new Error(
    `The database in ${place.clusterDir} was made by PostgreSQL ${cluster}; this version brings PostgreSQL 18. Make a backup with the version that made it, and restore it here.`,
  )
}

function superviseServer(place: PostgresPlace, durable: boolean, report: (line: string) => void) {
  let port = 0
  let isReady = false
  let isClosing = false
  let child: ChildProcess | undefined
  let restarts = 0
  let giveUp: (error: Error) => void
  const lost = new Promise<Error>((resolve) => {
    giveUp = resolve
  })
  const closing = new AbortController()

  const launch = async (): Promise<void> => {
    // Until somebody knows the port it may change: another program may take it between the choice and the start.
    if (!isReady) port = await freePort()
    const launchedAt = performance.now()
    child = runAsAccount(place, 'postgres', (home) => serverArguments(`${home}/cluster`, port, durable))
    child.once('error', (error) => giveUp(error))
    child.once('exit', (code, signal) => {
      if (isClosing) return
      if (performance.now() - launchedAt > STABLE_AFTER_MS) restarts = 0
      report(`PostgreSQL ended (${signal ?? `code ${code}`}); restarting it.`)
      relaunch().catch((error) => giveUp(error))
    })
  }
  const relaunch = async (): Promise<void> => {
    const delay = RESTART_DELAYS_MS[restarts++]
    if (delay === undefined) {
      giveUp(new Error(`PostgreSQL does not stay up. Its words are in ${place.logFile}:\n${logTail(place)}`))
      return
    }
    await sleep(delay, undefined, { signal: closing.signal }).catch(() => undefined)
    if (!isClosing) await launch()
  }

  const whenReady = async (password: string): Promise<void> => {
    await launch()
    const deadline = performance.now() + READY_WITHIN_MS
    while (!(await makeDatabase(() => databaseUrl(password, port, 'postgres')))) {
      if (isClosing) return
      if (performance.now() > deadline)
        throw new Error(`PostgreSQL is not ready after ${READY_WITHIN_MS / 1000} s. Its words are in ${place.logFile}:\n${logTail(place)}`)
      await sleep(25)
    }
    isReady = true
  }

  const close = async (): Promise<void> => {
    isClosing = true
    closing.abort()
    const pid = postmasterPid(place.clusterDir) ?? child?.pid
    if (pid !== undefined && child?.exitCode === null && child.signalCode === null) await stopPostgres(pid)
  }
  return { lost, whenReady, close, port: () => port }
}

function serverArguments(clusterDir: string, port: number, durable: boolean): string[] {
  const settings: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    cluster_name: 'espalier',
    timezone: 'UTC',
    log_timezone: 'UTC',
    max_connections: 100,
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  }
  return ['-D', clusterDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

/**
 * Starts one of PostgreSQL's programs, detached, its output appended to the log. `home` is the path under which the program
 * finds its folder: where the folders above are closed to its account, the open folder itself, handed over as descriptor 3.
 */
function runAsAccount(place: PostgresPlace, program: 'initdb' | 'postgres', args: (home: string) => string[]): ChildProcess {
  if (!place.reachable && process.platform !== 'linux') {
    throw new Error(
      `PostgreSQL runs as an account without rights, and a folder above ${place.homeDir} is closed to it. Set ESPALIER_DATA to a folder outside, or DATABASE_URL.`,
    )
  }
  const log = openLog(place)
  const home = place.reachable ? undefined : openSync(place.homeDir, 'r')
  try {
    return spawn(join(place.binDir, program), args(home === undefined ? place.homeDir : '/proc/self/fd/3'), {
      ...(place.account ?? {}),
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log, ...(home === undefined ? [] : [home])],
      // Not our environment: it may hold secrets, and PG* variables that would change what the server does.
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } as Partial<NodeJS.ProcessEnv> as NodeJS.ProcessEnv,
    })
  } finally {
    closeSync(log)
    if (home !== undefined) closeSync(home)
  }
}

function openLog(place: PostgresPlace): number {
  const log = openSync(place.logFile, 'a', 0o600)
  if (readFileSync(place.logFile).length > MAX_LOG_BYTES) truncateSync(place.logFile)
  return log
}

const logTail = (place: PostgresPlace): string => readFileSync(place.logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n')

/** True once the server lets us in and our database exists. False while it starts. */
async function makeDatabase(url: () => string): Promise<boolean> {
  const client = new Client({ connectionString: url(), connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`)
    return true
  } catch (error) {
    if ((error as { code?: string }).code === '28P01') {
      throw new Error(
        'The password in postgres-password does not open the database. Bring the file back that was made with it, or restore a backup.',
        { cause: error },
      )
    }
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** A port that nobody listens on just now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}
