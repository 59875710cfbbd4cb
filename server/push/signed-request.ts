import { createHash, sign, verify, X509Certificate } from 'node:crypto'
import { parsePlistDict } from '../../mdm/plist/parse-plist.ts'
import { plistDict, stringAt } from '../../mdm/plist/value.ts'
import { writePlistBytes } from '../../mdm/plist/write-plist.ts'
import { PushCertificateFault } from './certificate-fault.ts'
import { pem } from './certificate-request.ts'

/** A signed request is about 10 KB. */
const MAX_BYTES = 256 * 1024
const MAX_CHAIN = 8

/** An MDM vendor's certificate with everything up to its root, leaf first, and its key. */
export type VendorIdentity = { chain: X509Certificate[]; key: Parameters<typeof sign>[2] }

/**
 * What is uploaded at identity.apple.com: a property list in base64, in which a vendor vouches for a customer's request.
 * Apple: "Setting up push notifications for your MDM customers".
 */
export function signRequest(csr: Uint8Array, vendor: VendorIdentity): string {
  const signature = sign('sha256', csr, vendor.key)
  const plist = plistDict({
    PushCertRequestCSR: Buffer.from(csr).toString('base64'),
    PushCertCertificateChain: vendor.chain.map((certificate) => pem('CERTIFICATE', certificate.raw)).join(''),
    PushCertSignature: signature.toString('base64'),
  })
  return Buffer.from(writePlistBytes(plist)).toString('base64')
}

/**
 * Reads what a vendor made of our request, as the property list or in base64: whether it is this very request, and whether the
 * vendor's signature holds. Whether Apple knows the vendor only Apple can say. Throws a PushCertificateFault.
 */
export function readSignedRequest(file: Uint8Array, csr: Uint8Array): { signedRequest: string; vendorName: string } {
  const bytes = unwrap(file)
  const { request, chain, signature } = readFields(bytes)
  if (!Buffer.from(csr).equals(request)) throw new PushCertificateFault('signed_request_other_csr')
  const vendor = leafOf(chain)
  if (!isSignedBy(vendor, request, signature)) throw new PushCertificateFault('signed_request_bad_signature')
  return { signedRequest: Buffer.from(bytes).toString('base64'), vendorName: nameOf(vendor) }
}

function unwrap(file: Uint8Array): Uint8Array {
  if (file.length > MAX_BYTES) throw new PushCertificateFault('signed_request_malformed')
  const text = Buffer.from(file).toString('latin1').trim()
  if (text.startsWith('<')) return file
  const packed = text.replace(/\s+/g, '')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(packed)) throw new PushCertificateFault('signed_request_malformed')
  return new Uint8Array(Buffer.from(packed, 'base64'))
}

function readFields(bytes: Uint8Array): { request: Buffer; chain: string; signature: Buffer } {
  const parsed = parsePlistDict(bytes, { maxBytes: MAX_BYTES })
  if (!parsed.ok) throw new PushCertificateFault('signed_request_malformed')
  const [request, chain, signature] = ['PushCertRequestCSR', 'PushCertCertificateChain', 'PushCertSignature'].map((key) => {
    const text = stringAt(parsed.value, key)
    if (text === undefined || text.trim() === '') throw new PushCertificateFault('signed_request_malformed')
    return text
  }) as [string, string, string]
  return { request: Buffer.from(request, 'base64'), chain, signature: Buffer.from(signature, 'base64') }
}

function leafOf(chain: string): X509Certificate {
  const blocks = chain.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? []
  const [first] = blocks.slice(0, MAX_CHAIN)
  if (first === undefined) throw new PushCertificateFault('signed_request_malformed')
  try {
    const leaf = new X509Certificate(first)
    // Its key is decoded only when it is asked for, and may be no key at all.
    if (leaf.publicKey.type !== 'public') throw new TypeError('no public key')
    return leaf
  } catch (cause) {
    throw new PushCertificateFault('signed_request_malformed', { cause })
  }
}

/** SHA-256 today; Apple's older guide has vendors sign with SHA-1, and some still do. It is Apple that judges it. */
function isSignedBy(vendor: X509Certificate, request: Buffer, signature: Buffer): boolean {
  if (vendor.publicKey.asymmetricKeyType !== 'rsa') return false
  return ['sha256', 'sha1'].some((hash) => verify(hash, request, vendor.publicKey, signature))
}

/** For people: who signed. */
function nameOf(certificate: X509Certificate): string {
  const { CN } = (certificate.toLegacyObject().subject ?? {}) as { CN?: string | string[] }
  const name = Array.isArray(CN) ? CN[0] : CN
  return name ?? createHash('sha256').update(certificate.raw).digest('hex').slice(0, 16)
}
