import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Does a piece of work unless its stamp says that it was done from the same inputs. The stamp is written last, so that work
 * that was interrupted is done again.
 * @param {{ what: string, stamp: string, inputs: string, isThere?: boolean }} step
 * @param {() => void} work
 */
export function oncePerInput({ what, stamp, inputs, isThere = true }, work) {
  if (isThere && existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs) return
  const startedAt = Date.now()
  process.stdout.write(`espalier: ${what} …\n`)
  work()
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, inputs)
  process.stdout.write(`espalier: ${what}: done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`)
}

/**
 * One digest over files and folders: their paths and contents.
 * @param {string} root
 * @param {string[]} paths those that do not exist count as absent
 */
export function digestOf(root, paths) {
  const hash = createHash('sha256')
  for (const path of paths) addToHash(hash, root, path)
  return hash.digest('hex')
}

function addToHash(hash, root, path) {
  const full = join(root, path)
  if (!existsSync(full)) return
  if (statSync(full).isDirectory()) {
    for (const name of readdirSync(full).sort()) addToHash(hash, root, `${path}/${name}`)
  } else {
    const bytes = readFileSync(full)
    hash.update(`${path}\0${bytes.length}\0`).update(bytes)
  }
}

/**
 * Runs a program quietly; its words are shown only when it fails.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd: string, env?: Record<string, string | undefined>, remedy: string }} options
 */
export function runQuietly(program, args, { cwd, env = process.env, remedy }) {
  const result = spawnSync(program, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024 })
  if (result.status === 0) return result.stdout
  const why = result.error ? result.error.message : result.signal ? `ended by ${result.signal}` : `exit ${result.status}`
  throw new Error([result.stdout, result.stderr, `${[program, ...args].join(' ')}: ${why}`, remedy].filter(Boolean).join('\n'))
}
