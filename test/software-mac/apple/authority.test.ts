import { createHash, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { authority, facts, NOW, p384 } from '../../support/trust-evidence.ts'
import { APPLE_ARC, createEvaluationAuthority, exportAuthority, importAuthority, issueAttestation, spkiOf } from './authority.ts'
import { pointOf } from './certificate-builder.ts'

test('a leaf has the shape of Apple’s', () => {
  const key = spkiOf(p384())
  const [der, subCa] = issueAttestation(authority, facts({ leafPublicKeySpki: key, now: NOW }))
  const leaf = new X509Certificate(der)
  const issuer = new X509Certificate(subCa)
  const commonName = createHash('sha256').update(pointOf(key)).digest('hex')
  expect(pointOf(key)).toHaveLength(97)
  expect(leaf.subject).toBe(`CN=${commonName}\nOU=AAA Certification\nO=Apple Inc.\nST=California`)
  expect(leaf.serialNumber).toBe(`0${NOW.getTime().toString(16).toUpperCase()}`)
  expect(leaf.ca).toBe(false)
  expect(leaf.keyUsage).toEqual(['1.2.840.113635.100.4.24'])
  expect(Math.round((leaf.validToDate.getTime() - leaf.validFromDate.getTime()) / 86_400_000)).toBe(91)
  expect(leaf.verify(issuer.publicKey)).toBe(true)
  expect(issuer.verify(new X509Certificate(authority.rootDer).publicKey)).toBe(true)
})

test('encodes texts raw, SIP and kernel extensions as INTEGER', () => {
  const [der] = issueAttestation(authority, facts({ sip: 1, freshness: Buffer.from('nonce') }))
  const bytes = Buffer.from(der)
  expect(APPLE_ARC).toBe('1.2.840.113635.100.8')
  const arc = Buffer.from('2a864886f7636408', 'hex')
  const value = (suffix: number[]) => {
    const at = bytes.indexOf(Buffer.concat([arc, Buffer.from(suffix)])) + arc.length + suffix.length
    return bytes.subarray(at + 2, at + 2 + (bytes[at + 1] ?? 0))
  }
  expect(value([13, 1]).toString('hex')).toBe('020101')
  expect(value([13, 3]).toString('hex')).toBe('020100')
  expect(value([13, 2]).toString()).toBe('Full Security')
  expect(value([11, 1]).toString()).toBe('nonce')
})

test('survives being written down and read back', () => {
  const fresh = createEvaluationAuthority({ now: NOW })
  const again = importAuthority(JSON.parse(JSON.stringify(exportAuthority(fresh))))
  expect(Buffer.from(again.rootDer)).toEqual(Buffer.from(fresh.rootDer))
  const [leaf, subCa] = issueAttestation(again, facts())
  expect(new X509Certificate(leaf).verify(new X509Certificate(subCa).publicKey)).toBe(true)
})
