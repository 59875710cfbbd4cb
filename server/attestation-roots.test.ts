import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { base64url, hex, utf8 } from '#protocol/bytes'
import { canonicalJson } from '#protocol/canonical'
import { spkiOf } from '../test/software-mac/apple/authority.ts'
import { rootUpdateStatement } from './attestation/root-update.ts'
import { APPLE_ANCHORS } from './attestation/roots.ts'
import { ROOT_UPDATE_FILE, readAppleAnchors } from './attestation-roots.ts'

const NOW = new Date('2026-11-21T12:00:00Z')
const key = generateKeyPairSync('ed25519').privateKey
const releaseKeys = [hex(spkiOf(key))]
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attestation-roots-'))
})
afterEach(() => rm(folder, { recursive: true }))

const put = (text: string) => writeFile(join(folder, ROOT_UPDATE_FILE), text)
function signed(issuedAt = NOW.getTime() - 1): string {
  const roots = [base64url(APPLE_ANCHORS.roots[0].raw)]
  const document = utf8(canonicalJson({ v: 1, number: 2, issuedAt, roots, intermediateNames: ['Apple Enterprise Attestation Issuing CA'] }))
  return JSON.stringify({
    document: base64url(document),
    signature: base64url(new Uint8Array(sign(null, rootUpdateStatement(document), key))),
  })
}

test('without an update the built-in root counts', async () => {
  expect(await readAppleAnchors(folder, NOW)).toBe(APPLE_ANCHORS)
})

test('an update that a release key signed takes its place', async () => {
  await put(signed())
  expect(await readAppleAnchors(folder, NOW, releaseKeys)).toMatchObject({
    domain: 'apple',
    intermediateNames: ['Apple Enterprise Attestation Issuing CA'],
  })
})

test.each([
  ['signed by nobody we know', () => put(signed()), undefined, 'bad_signature'],
  ['from the future', () => put(signed(NOW.getTime() + 1)), releaseKeys, 'not_yet_issued'],
  ['that is no JSON', () => put('{'), releaseKeys, 'malformed'],
  ['with a member too many', () => put(JSON.stringify({ ...JSON.parse(signed()), extra: 1 })), releaseKeys, 'malformed'],
  ['that is empty', () => put(''), releaseKeys, 'malformed'],
])('one %s ends the start in words, and falls back to nothing', async (_, prepare, keys, reason) => {
  await prepare()
  await expect(readAppleAnchors(folder, NOW, keys)).rejects.toThrow(reason)
})
