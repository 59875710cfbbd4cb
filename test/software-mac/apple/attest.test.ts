import 'reflect-metadata'
import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { X509Certificate } from '@peculiar/x509'
import { afterAll, describe, expect, test } from 'vitest'
import { scratch } from '../testing/processes.ts'
import { type AttestRequest, attest, SEVEN_DAYS_MS } from './attest.ts'
import { certificatePem, createEvaluationAuthority } from './authority.ts'
import type { MadeMac } from './register.ts'

const start = new Date('2026-11-21T12:00:00Z')
const authority = createEvaluationAuthority({ now: start })
const folder = scratch()
afterAll(() => folder.remove())

const boot = {
  osVersion: '26.1',
  sepOsVersion: '2811.40.34',
  llb: 'mBoot-18000.41.3',
  sipEnabled: true,
  secureBoot: 'full',
  thirdPartyKexts: false,
} as const

const newMac = (): MadeMac => ({
  serial: 'ESPSIM000001',
  provisioningUdid: '00006030-0001020304050607',
  softwareUpdateDeviceId: 'J773gAP',
  isAppleSilicon: true,
  factoryKey: '',
})

const newSpki = () => new Uint8Array(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ type: 'spki', format: 'der' }))

function ask(mac: MadeMac, more: Partial<AttestRequest>, afterMs = 0) {
  const request: AttestRequest = {
    purpose: 'device-information',
    spki: newSpki(),
    freshness: randomBytes(32),
    boot,
    isUserEnrollment: false,
    faults: {},
    ...more,
  }
  const answer = attest({ authority, mac, request, now: new Date(start.getTime() + afterMs) })
  if (answer.remember !== undefined) mac.lastAttestation = answer.remember
  return answer
}

function property(der: Uint8Array | undefined, suffix: string): Uint8Array | undefined {
  const extension = new X509Certificate(new Uint8Array(der ?? [])).getExtension(`1.2.840.113635.100.8.${suffix}`)
  return extension === null || extension === undefined ? undefined : new Uint8Array(extension.value)
}

const textOf = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString('latin1'))

describe('the seven-day cache of DeviceInformation', () => {
  const nonce = randomBytes(32)
  const later = SEVEN_DAYS_MS
  test.each([
    ['a new nonce before seven days', { freshness: randomBytes(32) }, later - 1, true],
    ['the same nonce after seven days', { freshness: nonce }, later, true],
    ['no nonce after seven days', { freshness: undefined }, later, true],
    ['a new nonce after seven days', { freshness: randomBytes(32) }, later, false],
    ['a new operating system at once', { boot: { ...boot, osVersion: '26.2' } }, 1000, false],
    ['ACME at once', { purpose: 'acme' as const }, 1000, false],
  ])('%s', (_, more, afterMs, isCached) => {
    const mac = newMac()
    const first = ask(mac, { freshness: nonce })
    expect(first.isCached).toBe(false)
    const second = ask(mac, more, afterMs)
    expect(second.isCached).toBe(isCached)
    expect(textOf(second.chain[0]) === textOf(first.chain[0])).toBe(isCached)
  })

  test('an ACME attestation does not use up the seven days', () => {
    const mac = newMac()
    ask(mac, { purpose: 'acme' })
    expect(ask(mac, {}, 1000).isCached).toBe(false)
  })
})

describe('the certificate', () => {
  test('has Apple’s shape: raw octets, INTEGER for SIP and kernel extensions, ProvisioningUDID, a hash of its key as name', () => {
    const freshness = randomBytes(32)
    const { chain } = ask(newMac(), { freshness })
    const leaf = new X509Certificate(new Uint8Array(chain[0] ?? []))
    expect(chain).toHaveLength(2)
    expect(textOf(property(chain[0], '9.1'))).toBe('ESPSIM000001')
    expect(textOf(property(chain[0], '9.2'))).toBe('00006030-0001020304050607')
    expect(textOf(property(chain[0], '10.1'))).toBe('26.1')
    expect(textOf(property(chain[0], '13.2'))).toBe('Full Security')
    expect(property(chain[0], '13.1')).toEqual(Uint8Array.of(2, 1, 0))
    expect(property(chain[0], '13.3')).toEqual(Uint8Array.of(2, 1, 0))
    expect(property(chain[0], '11.1')).toEqual(new Uint8Array(freshness))
    const point = new Uint8Array(leaf.publicKey.rawData).slice(-97)
    expect(leaf.subjectName.getField('CN')).toEqual([createHash('sha256').update(point).digest('hex')])
    const days = (leaf.notAfter.getTime() - leaf.notBefore.getTime()) / 86_400_000
    expect(Math.round(days)).toBe(91)
  })

  test('is accepted by OpenSSL under the evaluation root', () => {
    const { chain } = ask(newMac(), {})
    const file = (name: string, der: Uint8Array) => {
      writeFileSync(join(folder.path, name), certificatePem(der))
      return join(folder.path, name)
    }
    const args = ['verify', '-attime', String(start.getTime() / 1000)]
    const root = file('root.pem', authority.rootDer)
    const [leaf, subCa] = chain
    const files = ['-CAfile', root, '-untrusted', file('sub.pem', subCa ?? new Uint8Array()), file('leaf.pem', leaf ?? new Uint8Array())]
    expect(execFileSync('openssl', [...args, ...files]).toString()).toContain('OK')
  })

  test('is another key each time', () => {
    const [first, second] = [ask(newMac(), {}), ask(newMac(), {})]
    expect(textOf(first.chain[0])).not.toBe(textOf(second.chain[0]))
  })

  test('names neither serial number nor UDID in a user enrollment', () => {
    const { chain } = ask(newMac(), { isUserEnrollment: true })
    expect([property(chain[0], '9.1'), property(chain[0], '9.2')]).toEqual([undefined, undefined])
  })

  test('is not issued to a Mac without Apple silicon', () => {
    expect(ask({ ...newMac(), isAppleSilicon: false }, {}).chain).toEqual([])
  })

  test('leaves blank or out what a test asks it to', () => {
    const { chain } = ask(newMac(), { faults: { blank: ['13.1'], isFreshnessMissing: true } })
    expect([property(chain[0], '13.1'), property(chain[0], '11.1')]).toEqual([new Uint8Array(), undefined])
  })
})
