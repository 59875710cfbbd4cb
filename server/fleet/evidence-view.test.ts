import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type PlistValue, plistDict } from '../../mdm/plist/value.ts'
import { writePlistBytes } from '../../mdm/plist/write-plist.ts'
import { encodeCbor } from '../../test/software-mac/mac/cbor.ts'
import { acmeChain, deviceChain, NOW, SERIAL, UDID } from '../../test/support/trust-evidence.ts'
import { parseCertificate } from '../attestation/certificate.ts'
import { viewEvidence } from './evidence-view.ts'
import { EvidenceView } from './views.ts'

const view = (kind: string, raw: Uint8Array) => EvidenceView.parse(viewEvidence({ digest: 'ab'.repeat(32), kind, raw, receivedAt: NOW }))
const property = (shown: EvidenceView, name: string) => shown.properties.find((one) => one.name === name)
const deviceReply = (members: Record<string, PlistValue | undefined>) => writePlistBytes(plistDict({ QueryResponses: plistDict(members) }))

test('an ACME attestation object is laid open: Apple’s words with their OIDs, and both certificates', () => {
  const raw = encodeCbor({ fmt: 'apple', attStmt: { x5c: acmeChain() } })
  const shown = view('acme-attestation-object', raw)
  expect(Buffer.from(shown.raw, 'base64')).toEqual(Buffer.from(raw))
  expect(property(shown, 'Serial number')).toEqual({
    name: 'Serial number',
    value: SERIAL,
    source: 'in the attestation, 1.2.840.113635.100.8.9.1',
  })
  expect(property(shown, 'Secure Boot')?.value).toBe('full')
  expect(shown.certificates).toHaveLength(2)
  expect(shown.certificates[0]?.pem).toMatch(/^-----BEGIN CERTIFICATE-----/)
  expect(shown.certificates[1]?.subject).toContain('Apple Enterprise Attestation Sub CA 1')
})

test('a DeviceInformation reply shows what Apple attests beside what the Mac reports', () => {
  const raw = deviceReply({
    SerialNumber: SERIAL,
    IsSupervised: true,
    Nested: plistDict({ Deep: 7n }),
    DevicePropertiesAttestation: deviceChain(),
  })
  const shown = view('device-information-reply', raw)
  expect(property(shown, 'ProvisioningUDID')?.value).toBe(UDID)
  expect(property(shown, 'SerialNumber')).toEqual({ name: 'SerialNumber', value: SERIAL, source: 'reported by the Mac over MDM' })
  expect(property(shown, 'Nested.Deep')?.value).toBe('7')
  expect(property(shown, 'IsSupervised')?.value).toBe('true')
  expect(property(shown, 'DevicePropertiesAttestation')).toBeUndefined()
  expect(shown.certificates).toHaveLength(2)
})

test('a property that Apple left out is shown as missing, never as good', () => {
  const chain = deviceChain({ overrides: { extensions: (all) => all.filter((one) => !one.oid.endsWith('.13.1')) } })
  const shown = view('device-information-reply', deviceReply({ DevicePropertiesAttestation: chain }))
  expect(property(shown, 'System Integrity Protection')?.value).toBe('missing')
})

test('a SecurityInfo reply is the Mac’s own report, without certificates', () => {
  const raw = writePlistBytes(
    plistDict({ SecurityInfo: plistDict({ FDE_Enabled: true, SecureBoot: plistDict({ SecureBootLevel: 'full' }) }) }),
  )
  const shown = view('security-info-reply', raw)
  expect(shown.properties).toEqual([
    { name: 'FDE_Enabled', value: 'true', source: 'reported by the Mac over MDM' },
    { name: 'SecureBoot.SecureBootLevel', value: 'full', source: 'reported by the Mac over MDM' },
  ])
  expect(shown.certificates).toEqual([])
})

const KINDS = ['acme-attestation-object', 'device-information-reply', 'security-info-reply', 'mdm-reply', 'a kind of tomorrow']

test('whatever it is, it can be shown', () => {
  const good = [
    encodeCbor({ fmt: 'apple', attStmt: { x5c: acmeChain() } }),
    deviceReply({ SerialNumber: SERIAL, DevicePropertiesAttestation: deviceChain() }),
  ]
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), fc.uint8Array({ maxLength: 300 }), (kind, raw) => {
      expect(view(kind, raw).sizeBytes).toBe(raw.length)
    }),
  )
  fc.assert(
    fc.property(
      fc.constantFrom(...KINDS),
      fc.constantFrom(...good),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (kind, base, place, flip) => {
        const raw = Uint8Array.from(base)
        raw[place % raw.length] = (raw[place % raw.length] ?? 0) ^ flip
        expect(view(kind, raw).sizeBytes).toBe(raw.length)
      },
    ),
    { numRuns: 300 },
  )
})

test('certificates that are none are left out', () => {
  const raw = deviceReply({ DevicePropertiesAttestation: [new Uint8Array([1, 2, 3]), ...deviceChain().slice(1)] })
  expect(view('device-information-reply', raw).certificates).toHaveLength(1)
})

test('a certificate with any one bit turned is shown or left out, and what we can read OpenSSL can show', () => {
  const [leaf, ...issuers] = deviceChain() as [Uint8Array, ...Uint8Array[]]
  for (let bit = 0; bit < leaf.length * 8; bit++) {
    const der = leaf.map((byte, place) => (place === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
    if (!parseCertificate(der).ok || isReadByOpenSsl(der)) continue
    const shown = view('device-information-reply', deviceReply({ DevicePropertiesAttestation: [der, ...issuers] }))
    expect(shown.certificates).toHaveLength(1)
  }
})

function isReadByOpenSsl(der: Uint8Array): boolean {
  try {
    return new X509Certificate(Buffer.from(der)).subject !== ''
  } catch {
    return false
  }
}
