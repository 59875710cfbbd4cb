import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export function refuseOldNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 11)) return
  throw new Error(`This is Node ${process.versions.node}. Install Node 20.11 or newer (https://nodejs.org) and run the same command again.`)
}

/**
 * The Node 24 that everything else runs on: on Linux it came with the packages, elsewhere an installed one will do.
 * @param {string} root
 */
export function locateNode24(root) {
  const candidates = [join(root, 'node_modules/.bin/node'), process.execPath]
  const found = candidates.find((path) => existsSync(path) && majorVersion(path) >= 24)
  if (found) return found
  throw new Error(
    process.platform === 'darwin'
      ? `Espalier runs on Node 24 or newer, and this is ${process.versions.node}. Install it (brew install node@24, or https://nodejs.org) and run the same command again.`
      : `No Node 24 runs on this ${process.platform}-${process.arch} machine: the packaged one is for Linux with glibc on x64 and arm64. Install Node 24 or newer and run the same command again.`,
  )
}

function majorVersion(path) {
  const result = spawnSync(path, ['--version'], { encoding: 'utf8' })
  return Number(/^v(\d+)\./.exec(result.stdout ?? '')?.[1] ?? 0)
}
