import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const FOLDERS = ['app', 'server', 'agent', 'mdm', 'native', 'deploy', 'test']

type CruiseResult = {
  modules: { source: string }[]
  summary: { totalCruised: number; violations: { from: string; to: string; rule: { name: string; severity: string } }[] }
}

/**
 * dependency-cruiser over all our sources. It passes when it understood nothing at all, as under a TypeScript that it does not
 * know: so it fails here unless it has seen every source file.
 */
export function cruise(root: string, config = join(root, '.dependency-cruiser.mjs')): { passed: boolean; output: string } {
  const folders = FOLDERS.filter((folder) => existsSync(join(root, folder)))
  const program = join(import.meta.dirname, '../../node_modules/.bin/depcruise')
  const result = spawnSync(program, ['--config', config, '--output-type', 'json', ...folders], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  })
  if (!result.stdout.startsWith('{')) return { passed: false, output: `dependency-cruiser failed:\n${result.stderr}${result.stdout}` }
  const { modules, summary } = JSON.parse(result.stdout) as CruiseResult
  const seen = new Set(modules.map((module) => module.source))
  const unseen = folders.flatMap((folder) => sourcesIn(root, folder)).filter((source) => !seen.has(source))
  const lines = [
    ...summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`),
    ...unseen.map((source) => `not cruised: ${source}`),
  ]
  return { passed: lines.length === 0, output: lines.join('\n') }
}

function sourcesIn(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (path === 'server/store/generated') return []
    if (entry.isDirectory()) return sourcesIn(root, path)
    return /\.(ts|tsx|mjs)$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : []
  })
}
