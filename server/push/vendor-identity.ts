import type { KeyObject, X509Certificate } from 'node:crypto'
import { topicOf } from '../../mdm/push/topic.ts'
import { PushCertificateFault } from './certificate-fault.ts'
import { openKeyFile } from './certificate-file.ts'
import type { VendorIdentity } from './signed-request.ts'

const MAX_CHAIN = 8

/**
 * The customer's own MDM vendor certificate, from PEM or PKCS#12, with its chain up to the root: Apple's portal refuses a
 * shorter one. It is used once and not kept. Throws a PushCertificateFault.
 */
export function readVendorIdentity(bytes: Uint8Array, options: { now: Date; password?: string | undefined }): VendorIdentity {
  const { certificates, keys } = openKeyFile(bytes, options.password)
  const [key, ...others] = keys
  if (key === undefined) throw new PushCertificateFault('private_key_missing', { text: KEY_MISSING })
  if (others.length > 0) throw new PushCertificateFault('several_private_keys')
  if (key.asymmetricKeyType !== 'rsa') throw new PushCertificateFault('key_not_rsa')
  const leaf = chooseLeaf(certificates, key)
  if (topicOf(leaf.raw) !== undefined) throw new PushCertificateFault('vendor_is_push_certificate')
  if (options.now < leaf.validFromDate || options.now >= leaf.validToDate) throw new PushCertificateFault('vendor_expired')
  return { chain: chainOf(leaf, certificates), key }
}

const KEY_MISSING =
  'The file holds no private key. Export the MDM vendor certificate together with its key, as PKCS#12 from Keychain Access for example.'

function chooseLeaf(certificates: X509Certificate[], key: KeyObject): X509Certificate {
  if (certificates.length === 0) throw new PushCertificateFault('certificate_missing')
  const leaf = certificates.find((candidate) => candidate.checkPrivateKey(key))
  if (leaf === undefined)
    throw new PushCertificateFault('key_mismatch', { text: 'The private key is that of no certificate in this file.' })
  return leaf
}

/** By signatures, not by names alone; the root is the one that signed itself. */
function chainOf(leaf: X509Certificate, certificates: X509Certificate[]): X509Certificate[] {
  const chain = [leaf]
  for (let last = leaf; !isSignedBy(last, last); last = chain.at(-1) as X509Certificate) {
    const issuer = certificates.find((candidate) => !chain.includes(candidate) && isSignedBy(last, candidate))
    if (issuer === undefined || chain.length >= MAX_CHAIN) throw new PushCertificateFault('vendor_chain_incomplete')
    chain.push(issuer)
  }
  return chain
}

const isSignedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
