import { createHash, timingSafeEqual, verify, X509Certificate } from 'node:crypto'
import { child, type Node, octets, oidText, readDer } from './der-reader.ts'

/** A signed profile that does not hold: the Mac installs nothing. */
export class CmsError extends Error {}

const SIGNED_DATA = '1.2.840.113549.1.7.2'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
const HASHES: Record<string, string> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}

/**
 * The content of a signed profile, and who signed it. Integrity only: like macOS, which installs a profile of an unknown signer
 * and calls it unverified, it leaves it to the user whether to know the signer.
 */
export function openSigned(cms: Uint8Array): { content: Uint8Array; signer: X509Certificate } {
  try {
    const contentInfo = readDer(cms)
    if (oidText(child(contentInfo, 0)) !== SIGNED_DATA) throw new CmsError('not signed data')
    const signedData = child(child(contentInfo, 1), 0)
    const content = octets(child(child(child(signedData, 2), 1), 0))
    const certificates = signedData.children.filter((node) => node.tag === 0xa0).flatMap((node) => node.children)
    const signers = signedData.children.at(-1)?.children ?? []
    const [signer, second] = signers
    if (signer === undefined || second !== undefined) throw new CmsError('a profile has exactly one signer')
    return { content, signer: checkSigner(signer, content, certificates) }
  } catch (error) {
    throw error instanceof CmsError ? error : new CmsError('malformed CMS', { cause: error })
  }
}

/** SignerInfo (RFC 5652 §5.3): version, sid, digestAlgorithm, [0] signedAttrs, signatureAlgorithm, signature. */
function checkSigner(signer: Node, content: Uint8Array, certificates: Node[]): X509Certificate {
  const hash = HASHES[oidText(child(child(signer, 2), 0))]
  if (hash === undefined) throw new CmsError('an unknown digest algorithm')
  const certificate = certificates.map((node) => new X509Certificate(node.der)).find((candidate) => isNamed(child(signer, 1), candidate))
  if (certificate === undefined) throw new CmsError('the signer’s certificate is missing')
  const attributes = signer.children.find((node) => node.tag === 0xa0)
  const signature = signer.children.find((node) => node.tag === 0x04)
  if (signature === undefined) throw new CmsError('no signature')
  const signed = attributes === undefined ? content : checkedAttributes(attributes, hash, content)
  if (!verify(hash, signed, certificate.publicKey, signature.content)) throw new CmsError('the signature does not fit')
  return certificate
}

/** With signed attributes the signature is over them, tagged as a SET again, and they hold the content's digest. */
function checkedAttributes(attributes: Node, hash: string, content: Uint8Array): Uint8Array {
  const digest = attributes.children.find((attribute) => oidText(child(attribute, 0)) === MESSAGE_DIGEST)
  const stated = digest === undefined ? undefined : child(child(digest, 1), 0).content
  const actual = createHash(hash).update(content).digest()
  if (stated?.length !== actual.length || !timingSafeEqual(stated, actual)) throw new CmsError('the content is not what was signed')
  const set = Uint8Array.from(attributes.der)
  set[0] = 0x31
  return set
}

function isNamed(sid: Node, certificate: X509Certificate): boolean {
  const tbs = child(readDer(certificate.raw), 0)
  if (sid.tag === 0x30) return same(child(sid, 0).der, child(tbs, 3).der) && same(child(sid, 1).der, child(tbs, 1).der)
  return Buffer.from(certificate.raw).includes(Buffer.from(sid.content)) // [0] subjectKeyIdentifier: the signature decides
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0
