import { describe, expect, test } from 'vitest'
import { publishedKeyName } from '#protocol/statements'
import { spkiOf } from '../../test/software-mac/apple/authority.ts'
import { buildCertificate, type CertificateSpec, distinguishedName } from '../../test/software-mac/apple/certificate-builder.ts'
import { ago, DAY_MS, HOUR_MS, NOW, p256 } from '../../test/support/trust-evidence.ts'
import { judgePublishedKey } from './published-key.ts'

const key = p256()
const agentKey = spkiOf(key)
const nonce = new Uint8Array(32).fill(3)
const name = distinguishedName(['CN', publishedKeyName(nonce)])

const published = (change: Partial<CertificateSpec> = {}) =>
  buildCertificate({
    serialNumber: 9n,
    issuer: name,
    subject: name,
    notBefore: ago(HOUR_MS),
    notAfter: new Date(NOW.getTime() + DAY_MS),
    spki: agentKey,
    extensions: [],
    signer: key,
    hash: 'sha256',
    ...change,
  })
const codes = (certificate: Uint8Array) => judgePublishedKey(certificate, { agentKey, nonce, at: NOW }).map(({ code }) => code)

test('the certificate that was asked for binds its key', () => {
  expect(codes(published())).toEqual([])
})

describe('each rule, where only it is broken', () => {
  const other = p256()
  test.each([
    ['of another key', ['AGENT_KEY_UNBOUND'], published({ spki: spkiOf(other), signer: other })],
    [
      'made for another question',
      ['FRESHNESS_MISMATCH'],
      published({ subject: distinguishedName(['CN', publishedKeyName(new Uint8Array(32))]) }),
    ],
    ['whose name only begins so', ['FRESHNESS_MISMATCH'], published({ subject: distinguishedName(['CN', `${publishedKeyName(nonce)}0`]) })],
    ['signed by another key', ['CHAIN_UNTRUSTED'], published({ signer: other })],
    ['that has expired', ['CERT_EXPIRED'], published({ notAfter: ago(1000) })],
    ['that is not valid yet', ['CERT_EXPIRED'], published({ notBefore: new Date(NOW.getTime() + HOUR_MS) })],
    ['with a byte too many', ['CERT_MALFORMED'], Uint8Array.from([...published(), 0])],
    ['that is no certificate', ['CERT_MALFORMED'], nonce],
  ])('refuses one %s', (_, expected, certificate) => {
    expect(codes(certificate)).toEqual(expected)
  })
})
