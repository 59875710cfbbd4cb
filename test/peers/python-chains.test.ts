import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { inspectAttestation } from '../../server/attestation/inspect.ts'
import { createCustomAnchors } from '../../server/attestation/roots.ts'
import type { Case } from '../conformance/mda/case.ts'
import { AT } from '../conformance/mda/laboratory.ts'
import { writeCases } from '../conformance/mda/suite.ts'
import { pythonWithClients } from '../journeys/support/python.ts'
import { scratchFolder } from '../support/scratch-folder.ts'

const python = pythonWithClients()

type Verdict = {
  read: boolean
  path?: boolean
  properties?: Record<string, string>
  serialNumber?: string
  notAfter?: string
  error?: string
}

let folder: string
let cases: Case[]
let verdicts: Map<string, Verdict>
beforeAll(async () => {
  if (python === undefined) return
  folder = scratchFolder()
  cases = (await writeCases(folder)).cases
  const script = new URL('./clients/chains.py', import.meta.url).pathname
  const { stdout } = await promisify(execFile)(python, ['-W', 'ignore', script, folder], { maxBuffer: 64 * 1024 * 1024 })
  verdicts = new Map(Object.entries(JSON.parse(stdout) as Record<string, Verdict>))
}, 120_000)

/** What Python’s path validation does not look at: Apple’s properties, posture and freshness, and names that we demand. */
const BEYOND_A_PATH = /^(SERIAL|UDID|SIP|BOOT|KEXT|OS|FRESHNESS|PROPERTY)_|^(LEAF_NAME_MISMATCH|ISSUER_NAME_UNEXPECTED|CHAIN_TOO_LARGE)$/
/**
 * Where we refuse more: other algorithms than Apple’s; a chain out of order or with certificates that do not belong (Python looks for any
 * path among them); what a leaf’s key may do; bytes of an extension that Python does not open; dress that is no attestation reply.
 */
const STRICTER = /^(ALG_NOT_ALLOWED|CHAIN_INCOMPLETE|CHAIN_UNTRUSTED|LEAF_IS_CA|EXT_MALFORMED|malformed_certificate|malformed_input)$/

const codesOf = ({ expected }: Case): readonly string[] =>
  expected.exit === 0 ? [] : expected.exit === 10 ? expected.reasons : [expected.error]
const judged = () => cases.flatMap((one) => (verdicts.has(one.id) ? [{ one, verdict: verdicts.get(one.id) as Verdict }] : []))
const line = ({ one, verdict }: { one: Case; verdict: Verdict }) =>
  `${one.id} ${one.title}: ${codesOf(one).join(' ')} | ${verdict.error ?? 'holds'}`

test.skipIf(python === undefined)(
  'every chain that we accept holds for Python’s cryptography, and it reads the same in the leaf',
  async () => {
    const accepted = judged().filter(({ one }) => one.expected.exit === 0)
    expect(accepted.length).toBeGreaterThan(15)
    expect(accepted.filter(({ verdict }) => verdict.path !== true).map(line)).toEqual([])
    const anchors = createCustomAnchors(new Uint8Array(new X509Certificate(await readFile(join(folder, 'root.pem'))).raw))
    for (const { one, verdict } of accepted) {
      const { certificates, properties } = inspectAttestation(one.bytes, { anchors, at: AT })
      expect(BigInt(`0x${certificates[0]?.serialNumber}`)).toBe(BigInt(`0x${verdict.serialNumber}`))
      expect(new Date(certificates[0]?.notAfter ?? '')).toEqual(new Date(verdict.notAfter ?? ''))
      const ours = properties.filter(({ raw }) => raw !== null).map(({ oid, raw }) => [oid, raw] as const)
      expect(Object.fromEntries(ours.sort())).toEqual(Object.fromEntries(Object.entries(verdict.properties ?? {}).sort()))
    }
  },
)

test.skipIf(python === undefined)('where Python finds no path, we name a fault of the path, and no other kind of reason alone', () => {
  const refused = judged().filter(({ verdict }) => verdict.path !== true)
  expect(refused.length).toBeGreaterThan(200)
  const wrong = refused.filter(({ one }) => one.expected.exit === 0 || codesOf(one).every((code) => BEYOND_A_PATH.test(code)))
  // Python refuses an issuer without any name; for us it has an unexpected one.
  expect(wrong.map(({ one }) => one.title)).toEqual(['intermediate named nothing at all'])
})

test.skipIf(python === undefined)(
  'where Python finds a path that we refuse, it is for what Python does not judge, or where we are stricter by intent',
  () => {
    const wider = judged().filter(({ one, verdict }) => verdict.path === true && one.expected.exit !== 0)
    const unexplained = wider.filter(({ one }) => !codesOf(one).some((code) => BEYOND_A_PATH.test(code) || STRICTER.test(code)))
    expect(unexplained.map(line)).toEqual([])
    // Of these kinds no chain holds for either.
    const both = /^(CHAIN_EXPIRED|CHAIN_NOT_YET_VALID|EXT_UNKNOWN_CRITICAL|EXT_DUPLICATE)$/
    expect(wider.filter(({ one }) => codesOf(one).some((code) => both.test(code))).map(line)).toEqual([])
    const alone = wider.filter(({ one }) => ['CHAIN_UNTRUSTED', 'ISSUER_NOT_CA', 'PATH_TOO_LONG'].includes(codesOf(one).join()))
    expect(alone.map(line)).toEqual([])
  },
)
