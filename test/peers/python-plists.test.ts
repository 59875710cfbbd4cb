import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { certificateList } from '../../mdm/commands/certificate-list.ts'
import { deviceInformation } from '../../mdm/commands/device-information.ts'
import { enrollmentProfile } from '../../mdm/enrollment/profile.ts'
import { parsePlist } from '../../mdm/plist/parse-plist.ts'
import { type PlistValue, plistDict } from '../../mdm/plist/value.ts'
import { writePlistBytes } from '../../mdm/plist/write-plist.ts'
import { createMemoryPorts } from '../../mdm/testing/memory-ports.ts'
import { createTestInstallation } from '../../mdm/testing/test-installation.ts'
import { writeBinaryPlist } from '../../mdm/testing/write-binary-plist.ts'
import { pythonWithClients } from '../journeys/support/python.ts'

const python = pythonWithClients()

/** XML's characters without the carriage return, which plistlib writes as it is, so that XML makes a line feed of it. */
const anyText = fc.string({ unit: 'binary', maxLength: 40 }).filter((one) => one.isWellFormed() && !FORBIDDEN.test(one))
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML forbids
const FORBIDDEN = /[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/
const anyDate = fc.date({ min: new Date('0001-01-02T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
const { plist: anyPlist } = fc.letrec<{ plist: PlistValue }>((tie) => ({
  plist: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    anyText,
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    // plistlib writes infinity as “inf”, which Apple's own reader does not know.
    fc.double({ noDefaultInfinity: true }),
    anyDate.map((date) => new Date(Math.floor(date.getTime() / 1000) * 1000)),
    fc.uint8Array({ maxLength: 100 }),
    fc.array(tie('plist'), { maxLength: 6 }),
    fc.array(fc.tuple(anyText, tie('plist')), { maxLength: 6 }).map((entries): PlistValue => new Map(entries)),
  ),
}))

/** What plistlib makes of each file: the same as XML and in binary, or why it does not read it. */
async function throughPython(files: readonly Uint8Array[]): Promise<([string, string] | string)[]> {
  const script = new URL('./clients/plists.py', import.meta.url).pathname
  const child = spawn(python as string, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(files.map((file) => `${Buffer.from(file).toString('base64')}\n`).join(''))
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as [string, string] | string)
}

function read(file: string | Uint8Array): PlistValue {
  const parsed = parsePlist(typeof file === 'string' ? new Uint8Array(Buffer.from(file, 'base64')) : file)
  if (!parsed.ok) throw new Error(`${parsed.code}: ${parsed.detail}`)
  return parsed.value
}

let values: PlistValue[]
beforeAll(async () => {
  const { deps } = await createTestInstallation(createMemoryPorts())
  const profile = enrollmentProfile(deps, {
    id: 'enr_1',
    identityKind: 'acme',
    code: 'one-time',
    topic: 'com.apple.mgmt.External.1',
    accessRights: 8191,
  })
  const commands = [deviceInformation({ attestationNonce: new Uint8Array(32) }), certificateList()]
  const asked = commands.map(({ requestType, payload }) =>
    plistDict({ CommandUUID: 'C', Command: new Map([['RequestType', requestType], ...payload]) }),
  )
  values = [profile, ...asked, ...fc.sample(anyPlist, { numRuns: 400, seed: 20_261_121 })]
})

test.skipIf(python === undefined)(
  'Python’s plistlib reads every XML list that we write, and we read what it makes of it, XML and binary',
  async () => {
    const answers = await throughPython(values.map((value) => writePlistBytes(value)))
    expect(answers).toHaveLength(values.length)
    for (const [index, answer] of answers.entries()) {
      if (typeof answer === 'string') throw new Error(`${answer}: ${Buffer.from(writePlistBytes(values[index] as PlistValue))}`)
      for (const written of answer) expect(read(written)).toEqual(values[index])
    }
  },
)

test.skipIf(python === undefined)('and every binary list that the tests write', async () => {
  const answers = await throughPython(values.map(writeBinaryPlist))
  for (const [index, answer] of answers.entries()) {
    if (typeof answer === 'string') throw new Error(answer)
    for (const written of answer) expect(read(written)).toEqual(values[index])
  }
})
