import { createHash, timingSafeEqual, verify, X509Certificate } from 'node:crypto'
import { fromBER, ObjectIdentifier, OctetString } from 'asn1js'
import { type Attribute, Certificate, ContentInfo, IssuerAndSerialNumber, SignedData, type SignerInfo } from 'pkijs'
import { sameBytes } from '../bytes.ts'
import { readSignedData, type SignedDataParts, type SignerParts } from './read-signed-data.ts'

/** A P-384 signature with our one certificate is about 1.3 KiB; RSA-4096 with a chain stays far below this. */
const MAX_CMS_BYTES = 16 * 1024
const MAX_CERTIFICATES = 4
const MIN_RSA_BITS = 2048
const MAX_RSA_BITS = 8192

const ID_DATA = '1.2.840.113549.1.7.1'
const ID_SIGNED_DATA = '1.2.840.113549.1.7.2'
const ID_CONTENT_TYPE = '1.2.840.113549.1.9.3'
const ID_MESSAGE_DIGEST = '1.2.840.113549.1.9.4'

const DIGESTS: Readonly<Record<string, 'sha256' | 'sha384' | 'sha512'>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}

/** Signature algorithms and the digest that they imply; `any`: the key's own OID, with which digestAlgorithm decides (RFC 3370 §3.2). */
const SIGNATURES: Readonly<Record<string, { key: 'ec' | 'rsa'; digest: 'sha256' | 'sha384' | 'sha512' | 'any' }>> = {
  '1.2.840.10045.2.1': { key: 'ec', digest: 'any' },
  '1.2.840.10045.4.3.2': { key: 'ec', digest: 'sha256' },
  '1.2.840.10045.4.3.3': { key: 'ec', digest: 'sha384' },
  '1.2.840.10045.4.3.4': { key: 'ec', digest: 'sha512' },
  '1.2.840.113549.1.1.1': { key: 'rsa', digest: 'any' },
  '1.2.840.113549.1.1.11': { key: 'rsa', digest: 'sha256' },
  '1.2.840.113549.1.1.12': { key: 'rsa', digest: 'sha384' },
  '1.2.840.113549.1.1.13': { key: 'rsa', digest: 'sha512' },
}

export type CmsFaultCode =
  | 'CMS_MALFORMED'
  | 'CMS_NOT_DETACHED'
  | 'CMS_SIGNER_COUNT'
  | 'CMS_CERTIFICATE_MISSING'
  | 'CMS_ALGORITHM'
  | 'CMS_DIGEST_MISMATCH'
  | 'CMS_SIGNATURE_INVALID'

class CmsFault extends Error {
  readonly code: CmsFaultCode

  constructor(code: CmsFaultCode, detail: string) {
    super(detail)
    this.code = code
  }
}

/**
 * Verifies a detached CMS SignedData (RFC 5652 §5) over exactly these content bytes: one signer, its certificate inside, SHA-2,
 * P-256, P-384 or RSA. Says who signed, not whether that certificate is to be believed: see `cms/check-issued.ts`. Never throws.
 */
export function verifyDetachedSignature(
  cms: Uint8Array,
  content: Uint8Array,
): { ok: true; certificate: Uint8Array } | { ok: false; code: CmsFaultCode; detail: string } {
  try {
    requireSize(cms)
    const signed = readSignedData(cms)
    requireData(signed.contentType, signed.eContentType)
    if (signed.hasContent) throw new CmsFault('CMS_NOT_DETACHED', 'it carries its own content')
    const signer = onlyOf(signed.signers)
    const certificate = certificateOf(signed, signer)
    verifySigned({ ...signer, certificate, content })
    return { ok: true, certificate }
  } catch (error) {
    return faultOf(error)
  }
}

export type SignedMessage = { content: Uint8Array; certificate: Uint8Array; attributes: readonly Attribute[] }

/** The same for a message that carries its content (SCEP's), which was signed together with the attributes. Never throws. */
export function openSignedMessage(cms: Uint8Array): ({ ok: true } & SignedMessage) | CmsRefusal {
  try {
    const signed = parseSignedData(cms)
    // Without any: as SCEP's refusals are.
    const content = new Uint8Array(signed.encapContentInfo.eContent?.getValue() ?? new ArrayBuffer(0))
    const signer = onlyOf(signed.signerInfos)
    if (signer.signedAttrs === undefined) throw new CmsFault('CMS_MALFORMED', 'it carries no signed attributes')
    const certificate = signerCertificate(signed, signer)
    verifySigner(signer, certificate, content)
    return { ok: true, content, certificate, attributes: signer.signedAttrs.attributes }
  } catch (error) {
    return faultOf(error)
  }
}

type CmsRefusal = { ok: false; code: CmsFaultCode; detail: string }

function faultOf(error: unknown): CmsRefusal {
  if (error instanceof CmsFault) return { ok: false, code: error.code, detail: error.message }
  // pkijs throws plain errors for shapes that it does not know.
  return { ok: false, code: 'CMS_MALFORMED', detail: error instanceof Error ? error.message : 'unreadable' }
}

function requireSize(cms: Uint8Array): void {
  if (cms.length === 0 || cms.length > MAX_CMS_BYTES) throw new CmsFault('CMS_MALFORMED', `not between 1 and ${MAX_CMS_BYTES} bytes`)
}

function requireData(contentType: string, eContentType: string): void {
  if (contentType !== ID_SIGNED_DATA) throw new CmsFault('CMS_MALFORMED', `content type ${contentType}`)
  if (eContentType !== ID_DATA) throw new CmsFault('CMS_MALFORMED', 'the content is not id-data')
}

function certificateOf({ certificates }: SignedDataParts, { sid }: SignerParts): Uint8Array {
  if (certificates.length > MAX_CERTIFICATES) throw new CmsFault('CMS_MALFORMED', `more than ${MAX_CERTIFICATES} certificates`)
  const matching = certificates.filter((one) =>
    'issuer' in sid
      ? sameBytes(one.serialNumber, sid.serialNumber) && sameBytes(one.issuer, sid.issuer)
      : one.keyIdentifier !== undefined && sameBytes(one.keyIdentifier, sid.keyIdentifier),
  )
  const [certificate, ...others] = matching
  if (certificate === undefined || others.length > 0)
    throw new CmsFault('CMS_CERTIFICATE_MISSING', 'not exactly one certificate of the signer')
  return certificate.der.slice()
}

function parseSignedData(cms: Uint8Array): SignedData {
  requireSize(cms)
  const parsed = fromBER(new Uint8Array(cms))
  if (parsed.offset !== cms.length) throw new CmsFault('CMS_MALFORMED', 'not one ASN.1 value')
  const info = new ContentInfo({ schema: parsed.result })
  if (info.contentType !== ID_SIGNED_DATA) throw new CmsFault('CMS_MALFORMED', `content type ${info.contentType}`)
  const signed = new SignedData({ schema: info.content })
  requireData(info.contentType, signed.encapContentInfo.eContentType)
  return signed
}

function onlyOf<Signer>(signers: readonly Signer[]): Signer {
  const [signer, ...others] = signers
  if (signer === undefined || others.length > 0) throw new CmsFault('CMS_SIGNER_COUNT', `${signers.length} signers`)
  return signer
}

function signerCertificate(signed: SignedData, signer: SignerInfo): Uint8Array {
  const candidates = signed.certificates ?? []
  if (candidates.length > MAX_CERTIFICATES) throw new CmsFault('CMS_MALFORMED', `more than ${MAX_CERTIFICATES} certificates`)
  const matching = candidates.filter((candidate) => candidate instanceof Certificate && isNamedBy(candidate, signer))
  const [certificate, ...others] = matching
  if (certificate === undefined || others.length > 0)
    throw new CmsFault('CMS_CERTIFICATE_MISSING', 'not exactly one certificate of the signer')
  return new Uint8Array(certificate.toSchema().toBER())
}

/** RFC 5652 §5.3: by issuer and serial number, or by subject key identifier. */
function isNamedBy(certificate: Certificate, signer: SignerInfo): boolean {
  if (signer.sid instanceof IssuerAndSerialNumber) {
    return certificate.serialNumber.isEqual(signer.sid.serialNumber) && certificate.issuer.isEqual(signer.sid.issuer)
  }
  const wanted = octets(signer.sid)
  const extension = certificate.extensions?.find((one) => one.extnID === '2.5.29.14')
  const own = extension === undefined ? undefined : octets(fromBER(extension.extnValue.valueBlock.valueHexView).result)
  return wanted !== undefined && own !== undefined && sameBytes(wanted, own)
}

function octets(value: unknown): Uint8Array | undefined {
  if (value instanceof OctetString) return value.valueBlock.valueHexView
  // SignerIdentifier's [0] IMPLICIT arrives as a plain primitive.
  const block = (value as { valueBlock?: { valueHexView?: unknown } } | undefined)?.valueBlock?.valueHexView
  return block instanceof Uint8Array ? block : undefined
}

function verifySigner(signer: SignerInfo, certificate: Uint8Array, content: Uint8Array): void {
  const { signedAttrs } = signer
  verifySigned({
    digestAlgorithm: signer.digestAlgorithm.algorithmId,
    signatureAlgorithm: signer.signatureAlgorithm.algorithmId,
    signature: signer.signature.valueBlock.valueHexView,
    attributes: signedAttrs && { encoded: new Uint8Array(signedAttrs.encodedValue), values: signedAttrs.attributes },
    certificate,
    content,
  })
}

function verifySigned(signed: SignedPart & { certificate: Uint8Array; content: Uint8Array }): void {
  const { certificate, content, attributes, signature } = signed
  const digest = DIGESTS[signed.digestAlgorithm]
  const scheme = SIGNATURES[signed.signatureAlgorithm]
  if (digest === undefined || scheme === undefined) throw new CmsFault('CMS_ALGORITHM', 'neither SHA-2 nor ECDSA/RSA')
  if (scheme.digest !== 'any' && scheme.digest !== digest) throw new CmsFault('CMS_ALGORITHM', 'two different digests')
  const key = new X509Certificate(certificate).publicKey
  if (key.asymmetricKeyType !== scheme.key || !isKeyAllowed(key.asymmetricKeyType, key.asymmetricKeyDetails)) {
    throw new CmsFault('CMS_ALGORITHM', 'only P-256, P-384 and RSA keys are accepted')
  }
  const signedBytes = attributes === undefined ? content : attributesOver(attributes, digest, content)
  if (!verify(digest, signedBytes, { key, dsaEncoding: 'der' }, signature)) {
    throw new CmsFault('CMS_SIGNATURE_INVALID', 'the signature is not of this key over these bytes')
  }
}

/** Of either reader. */
type SignedPart = Omit<SignerParts, 'sid' | 'attributes'> & {
  attributes: { encoded: Uint8Array; values: readonly { type: string; values: readonly unknown[] }[] } | undefined
}

function isKeyAllowed(type: string | undefined, details: { namedCurve?: string; modulusLength?: number } | undefined): boolean {
  if (type === 'ec') return details?.namedCurve === 'prime256v1' || details?.namedCurve === 'secp384r1'
  const bits = details?.modulusLength ?? 0
  return type === 'rsa' && bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS
}

/** RFC 5652 §5.4: with signed attributes, the signature covers them (as a SET), and messageDigest ties them to the content. */
function attributesOver(attributes: NonNullable<SignedPart['attributes']>, digest: string, content: Uint8Array): Uint8Array {
  const type = onlyValue(attributes.values, ID_CONTENT_TYPE)
  if (!(type instanceof ObjectIdentifier) || type.valueBlock.toString() !== ID_DATA) {
    throw new CmsFault('CMS_MALFORMED', 'the contentType attribute is not id-data')
  }
  const stated = octets(onlyValue(attributes.values, ID_MESSAGE_DIGEST))
  const actual = createHash(digest).update(content).digest()
  if (stated === undefined || stated.length !== actual.length || !timingSafeEqual(stated, actual)) {
    throw new CmsFault('CMS_DIGEST_MISMATCH', 'the content is not what was signed')
  }
  return attributes.encoded
}

function onlyValue(attributes: readonly { type: string; values: readonly unknown[] }[], type: string): unknown {
  const [found, ...others] = attributes.filter((attribute) => attribute.type === type)
  if (found === undefined || others.length > 0 || found.values.length !== 1) {
    throw new CmsFault('CMS_MALFORMED', `not exactly one attribute ${type}`)
  }
  return found.values[0]
}
