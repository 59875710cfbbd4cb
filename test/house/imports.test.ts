import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cruise } from './cruise.ts'

const root = join(import.meta.dirname, '../..')
let tree: string

/** A small house of the same shape, under our rules. */
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'espalier-house-'))
  for (const name of ['.dependency-cruiser.mjs', 'package.json', 'tsconfig.json']) cpSync(join(root, name), join(tree, name))
  for (const name of ['zod', 'cborg', 'fast-check', '@prisma/adapter-pg']) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', type: 'module', exports: './index.js' }))
    write(`node_modules/${name}/index.js`, 'export default 1')
  }
  const sound = {
    'server/protocol/ids.ts': "import { z } from 'zod'\nexport const id = z.string()",
    'server/errors.ts': 'export const errors = 1',
    'server/store/client.ts': "import { PrismaClient } from './generated/client.ts'\nexport const store = PrismaClient",
    'server/store/generated/client.ts': 'export const PrismaClient = 1',
    'server/attestation/decide.ts': "import { id } from '#protocol/ids'\nexport const decide = id",
    'server/scheduler/choose.ts': "import { errors } from '../errors.ts'\nexport const choose = errors",
    'server/fleet/plan.ts': "import { store } from '../store/client.ts'\nexport const plan = store",
    'server/http/routes.ts': "import { plan } from '../fleet/plan.ts'\nexport const routes = plan",
    'server/trpc/root.ts': 'export type Api = string\nexport const api = 1',
    'server/compliance/verifier/verify.ts': 'export const verify = 1',
    'server/main.ts': "import { routes } from './http/routes.ts'\nexport const main = routes",
    'mdm/create.ts': 'export const createMdm = 1',
    'native/facade.ts': 'export const facade = 1',
    'agent/main.ts': "import { id } from '#protocol/ids'\nexport const agent = id",
    'agent/proxy/main.ts': "import { verify } from '../../server/compliance/verifier/verify.ts'\nexport const proxy = verify",
    'app/page.tsx': "import type { Api } from '../server/trpc/root.ts'\nexport const page: Api = ''",
    'deploy/commands/serve.ts': "import { main } from '../../server/main.ts'\nexport const serve = main",
    'test/software-mac/main.ts': 'export const mac = 1',
  }
  for (const [file, text] of Object.entries(sound)) write(file, text)
})

afterEach(() => rmSync(tree, { recursive: true }))

function write(file: string, text: string): void {
  mkdirSync(dirname(join(tree, file)), { recursive: true })
  writeFileSync(join(tree, file), text)
}

const VIOLATIONS: [rule: string, file: string, text: string][] = [
  ['no-cycles', 'server/errors.ts', "import { choose } from './scheduler/choose.ts'\nexport const errors = () => choose"],
  ['resolvable', 'server/errors.ts', "import { nothing } from './nothing.ts'\nexport const errors = nothing"],
  ['protocol-is-a-leaf', 'server/protocol/ids.ts', "import { errors } from '../errors.ts'\nexport const id = errors"],
  ['protocol-is-a-leaf', 'server/protocol/ids.ts', "import { decode } from 'cborg'\nexport const id = decode"],
  ['mdm-knows-nobody', 'mdm/create.ts', "import { errors } from '../server/errors.ts'\nexport const createMdm = errors"],
  ['mdm-knows-nobody', 'mdm/create.ts', "import type { Api } from '../server/trpc/root.ts'\nexport const createMdm: Api = ''"],
  ['native-knows-nobody', 'native/facade.ts', "import { agent } from '../agent/main.ts'\nexport const facade = agent"],
  ['agent-shares-only-the-protocol', 'agent/main.ts', "import { errors } from '../server/errors.ts'\nexport const agent = errors"],
  [
    'proxy-shares-only-protocol-and-verifier',
    'agent/proxy/main.ts',
    "import { decide } from '../../server/attestation/decide.ts'\nexport const proxy = decide",
  ],
  ['native-has-one-importer', 'agent/main.ts', "import addon from '../native/engine.node'\nexport const agent = addon"],
  ['console-asks-and-shows', 'app/page.tsx', "import type { plan } from '../server/fleet/plan.ts'\nexport type Page = typeof plan"],
  ['console-knows-types-only', 'app/page.tsx', "import { api } from '../server/trpc/root.ts'\nexport const page = api"],
  ['borders-do-not-skip-the-core', 'server/http/routes.ts', "import { store } from '../store/client.ts'\nexport const routes = store"],
  ['core-knows-no-border', 'server/fleet/plan.ts', "import { routes } from '../http/routes.ts'\nexport const plan = () => routes"],
  ['attestation-is-pure', 'server/attestation/decide.ts', "import { store } from '../store/client.ts'\nexport const decide = store"],
  ['attestation-is-pure', 'server/attestation/decide.ts', "import { readFileSync } from 'node:fs'\nexport const decide = readFileSync"],
  ['scheduler-is-pure', 'server/scheduler/choose.ts', "import { store } from '../store/client.ts'\nexport const choose = store"],
  [
    'verifier-stands-alone',
    'server/compliance/verifier/verify.ts',
    "import { decide } from '../../attestation/decide.ts'\nexport const verify = decide",
  ],
  ['store-is-the-floor', 'server/store/client.ts', "import { choose } from '../scheduler/choose.ts'\nexport const store = choose"],
  [
    'one-importer-of-prisma',
    'server/fleet/plan.ts',
    "import { PrismaClient } from '../store/generated/client.ts'\nexport const plan = PrismaClient",
  ],
  ['one-importer-of-prisma', 'server/fleet/plan.ts', "import { PrismaPg } from '@prisma/adapter-pg'\nexport const plan = PrismaPg"],
  ['main-is-not-imported', 'agent/main.ts', "import { main } from '../server/main.ts'\nexport const agent = main"],
  ['software-mac-is-a-process', 'server/main.ts', "import { mac } from '../test/software-mac/main.ts'\nexport const main = mac"],
  ['product-needs-no-test-package', 'server/errors.ts', "import fc from 'fast-check'\nexport const errors = fc"],
]

describe('who may import whom', { timeout: 60_000 }, () => {
  test('a sound house passes', () => {
    expect(cruise(tree)).toEqual({ passed: true, output: '' })
  })

  test('every rule of the house has a planted violation here', async () => {
    const config = (await import(join(root, '.dependency-cruiser.mjs'))) as {
      default: { forbidden: { name: string; severity: string; comment: string }[] }
    }
    const rules = config.default.forbidden
    expect(rules.map((rule) => rule.name).sort()).toEqual([...new Set(VIOLATIONS.map(([rule]) => rule))].sort())
    for (const rule of rules) expect([rule.severity, rule.comment.length > 20]).toEqual(['error', true])
  })

  test.each(VIOLATIONS)('%s: seen in %s', (rule, file, text) => {
    write('native/engine.node', '')
    write(file, text)
    const { passed, output } = cruise(tree)
    expect(passed).toBe(false)
    expect(output).toContain(`${rule}: ${file}`)
  })

  test('a source that the cruiser does not see fails the check', () => {
    write(
      '.dependency-cruiser.blind.mjs',
      "import house from './.dependency-cruiser.mjs'\nexport default { ...house, options: { ...house.options, exclude: { path: '^agent/' } } }",
    )
    const { passed, output } = cruise(tree, join(tree, '.dependency-cruiser.blind.mjs'))
    expect(passed).toBe(false)
    expect(output).toContain('not cruised: agent/main.ts')
  })
})
