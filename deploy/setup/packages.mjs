import { existsSync } from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import { digestOf, oncePerInput, runQuietly } from './step.mjs'

/**
 * `npm ci` when package-lock.json is not the one that node_modules was made from. No install script runs (npm 12's own rule):
 * they would download from elsewhere; what they are needed for, set-up does itself.
 * @param {string} root
 */
export function installPackages(root) {
  const inputs = `${digestOf(root, ['package.json', 'package-lock.json'])} ${process.platform}-${process.arch}`
  const step = { what: 'installing packages (npm ci)', stamp: join(root, 'node_modules/.espalier/packages'), inputs }
  oncePerInput(step, () => {
    const npm = findNpm()
    const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
    runQuietly(npm.program, [...npm.args, ...args], {
      cwd: root,
      env: installEnvironment(root),
      remedy:
        'npm ci failed. The npm registry must be reachable (behind a proxy or mirror: npm config set registry/proxy/cafile). Then run the same command again.',
    })
  })
}

/** The npm that called us, run by the Node that runs us; else the one on the PATH. */
function findNpm() {
  const caller = process.env.npm_execpath
  if (caller && basename(caller) === 'npm-cli.js' && existsSync(caller)) return { program: process.execPath, args: [caller] }
  return { program: process.platform === 'win32' ? 'npm.cmd' : 'npm', args: [] }
}

/** Without our own node_modules/.bin, whose `node` disappears half-way through the installation. */
function installEnvironment(root) {
  const bin = join(root, 'node_modules/.bin')
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => entry !== bin)
  return { ...process.env, PATH: path.join(delimiter) }
}
