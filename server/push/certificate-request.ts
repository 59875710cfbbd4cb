import { type KeyObject, X509Certificate } from 'node:crypto'
import forge from 'node-forge'

/**
 * A PKCS#10 request (RFC 2986) for Apple's push certificate, signed with SHA-256. Apple takes nothing of the name but shows it
 * in its portal, so that an administrator finds the certificate again next year.
 */
export function makeCertificateRequest(key: KeyObject, name: { organization: string; email: string }): Uint8Array {
  const privateKey = forge.pki.privateKeyFromPem(key.export({ format: 'pem', type: 'pkcs1' }).toString())
  const request = forge.pki.createCertificationRequest()
  request.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e)
  const utf8 = forge.asn1.Type.UTF8 as unknown as forge.asn1.Class
  request.setSubject([
    { name: 'commonName', value: name.organization, valueTagClass: utf8 },
    { name: 'organizationName', value: name.organization, valueTagClass: utf8 },
    { name: 'emailAddress', value: name.email },
  ])
  request.sign(privateKey, forge.md.sha256.create())
  return fromBinary(forge.asn1.toDer(forge.pki.certificationRequestToAsn1(request)).getBytes())
}

/** Whether a certificate (DER) carries the public key of a request (DER). */
export function isAnsweredBy(csr: Uint8Array, certificate: Uint8Array): boolean {
  const spki = new X509Certificate(certificate).publicKey.export({ format: 'der', type: 'spki' })
  return spki.equals(spkiOf(csr))
}

export const requestPem = (csr: Uint8Array): string => pem('CERTIFICATE REQUEST', csr)

/** RFC 7468: lines of 64 characters, which Apple's portal insists on. */
export function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}

function spkiOf(csr: Uint8Array): Buffer {
  const parsed = forge.asn1.fromDer(toBinary(csr))
  // CertificationRequest → CertificationRequestInfo → version, subject, subjectPKInfo
  const info = (parsed.value as forge.asn1.Asn1[])[0]
  const spki = (info?.value as forge.asn1.Asn1[] | undefined)?.[2]
  if (spki === undefined) throw new TypeError('this is no certificate request')
  return Buffer.from(forge.asn1.toDer(spki).getBytes(), 'latin1')
}

export const toBinary = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
export const fromBinary = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))
