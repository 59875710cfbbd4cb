import { type AsnType, Constructed, fromBER, Integer, ObjectIdentifier, OctetString, Primitive, Sequence, Set as SetOf } from 'asn1js'

/**
 * SignedData (RFC 5652 §5.1) as far as a detached signature needs it. Written out by hand over the ASN.1 tree, because this is the first
 * step of every message of every Mac: building pkijs’ schema of all that CMS can be takes four times as long as everything else.
 */
export type SignedDataParts = {
  contentType: string
  eContentType: string
  hasContent: boolean
  certificates: readonly CertificateParts[]
  signers: readonly SignerParts[]
}

type CertificateParts = { der: Uint8Array; issuer: Uint8Array; serialNumber: Uint8Array; keyIdentifier: Uint8Array | undefined }

export type SignerParts = {
  sid: { issuer: Uint8Array; serialNumber: Uint8Array } | { keyIdentifier: Uint8Array }
  digestAlgorithm: string
  signatureAlgorithm: string
  signature: Uint8Array
  /** `encoded`: as they are signed, with the tag of a SET (§5.4). */
  attributes: { encoded: Uint8Array; values: readonly AttributeParts[] } | undefined
}

type AttributeParts = { type: string; values: readonly AsnType[] }

const CONTEXT_SPECIFIC = 3
const SUBJECT_KEY_IDENTIFIER = '2.5.29.14'
const SET_TAG = 0x31

/** Throws for every other shape, leftovers included. */
export function readSignedData(cms: Uint8Array): SignedDataParts {
  // A copy: the tree keeps views of it.
  const { result, offset } = fromBER(new Uint8Array(cms))
  if (offset !== cms.length) throw new Error('not one ASN.1 value')
  const [type, explicit, ...more] = childrenOf(result, Sequence)
  const [content, ...others] = tagged(explicit, 0)
  if (more.length > 0 || others.length > 0) throw new Error('not a ContentInfo')
  return { contentType: oid(type), ...readContent(content) }
}

function readContent(content: AsnType | undefined): Omit<SignedDataParts, 'contentType'> {
  const [version, digests, encapsulated, ...rest] = childrenOf(content, Sequence)
  if (!(version instanceof Integer)) throw new Error('no version')
  for (const digest of childrenOf(digests, SetOf)) algorithm(digest)
  const [eContentType, eContent, ...beyond] = childrenOf(encapsulated, Sequence)
  if (beyond.length > 0) throw new Error('not an EncapsulatedContentInfo')
  if (eContent !== undefined) tagged(eContent, 0)
  const certificates = isTagged(rest[0], 0) ? tagged(rest.shift(), 0) : []
  if (isTagged(rest[0], 1)) rest.shift() // revocation lists: none is looked at
  const [signers, ...leftovers] = rest
  if (leftovers.length > 0) throw new Error('more than a SignedData')
  return {
    eContentType: oid(eContentType),
    hasContent: eContent !== undefined,
    // Other kinds of certificate are tagged, and nobody’s that signs here.
    certificates: certificates.filter((one) => one instanceof Sequence).map(readCertificate),
    signers: childrenOf(signers, SetOf).map(readSigner),
  }
}

function readCertificate(certificate: AsnType): CertificateParts {
  const fields = childrenOf(childrenOf(certificate, Sequence)[0], Sequence)
  if (isTagged(fields[0], 0)) fields.shift()
  const [serialNumber, , issuer] = fields
  const extensions = fields.find((field) => isTagged(field, 3))
  return {
    der: bytesOf(certificate),
    issuer: bytesOf(sequence(issuer)),
    serialNumber: integer(serialNumber),
    keyIdentifier: extensions && keyIdentifierIn(tagged(extensions, 3)[0]),
  }
}

function keyIdentifierIn(extensions: AsnType | undefined): Uint8Array | undefined {
  const found = childrenOf(extensions, Sequence).find((one) => oid(childrenOf(one, Sequence)[0]) === SUBJECT_KEY_IDENTIFIER)
  return found && octets(fromBER(octets(childrenOf(found, Sequence).at(-1))).result)
}

function readSigner(signer: AsnType): SignerParts {
  const [version, sid, digestAlgorithm, ...rest] = childrenOf(signer, Sequence)
  if (!(version instanceof Integer)) throw new Error('no version of the signer')
  const attributes = isTagged(rest[0], 0) ? rest.shift() : undefined
  const [signatureAlgorithm, signature, unsigned, ...leftovers] = rest
  if (leftovers.length > 0 || (unsigned !== undefined && !isTagged(unsigned, 1))) throw new Error('more than a SignerInfo')
  return {
    sid: readSid(sid),
    digestAlgorithm: algorithm(digestAlgorithm),
    signatureAlgorithm: algorithm(signatureAlgorithm),
    signature: octets(signature),
    attributes: attributes && readAttributes(attributes),
  }
}

function readSid(sid: AsnType | undefined): SignerParts['sid'] {
  // [0] IMPLICIT OCTET STRING arrives as a plain primitive.
  if (isTagged(sid, 0) && sid instanceof Primitive) return { keyIdentifier: sid.valueBlock.valueHexView }
  const [issuer, serialNumber, ...others] = childrenOf(sid, Sequence)
  if (others.length > 0) throw new Error('not an IssuerAndSerialNumber')
  return { issuer: bytesOf(sequence(issuer)), serialNumber: integer(serialNumber) }
}

function readAttributes(attributes: AsnType): SignerParts['attributes'] {
  const encoded = bytesOf(attributes).slice()
  encoded[0] = SET_TAG
  const values = tagged(attributes, 0).map((attribute) => {
    const [type, set, ...others] = childrenOf(attribute, Sequence)
    if (others.length > 0) throw new Error('not an Attribute')
    return { type: oid(type), values: childrenOf(set, SetOf) }
  })
  return { encoded, values }
}

type Kind = typeof Sequence | typeof SetOf

function childrenOf(value: AsnType | undefined, kind: Kind): AsnType[] {
  // A list of its own: fields are taken off it.
  if (!(value instanceof kind) || !value.idBlock.isConstructed) throw new Error('another type was expected')
  return [...value.valueBlock.value] as AsnType[]
}

const isTagged = (value: AsnType | undefined, number: number): boolean =>
  value !== undefined && value.idBlock.tagClass === CONTEXT_SPECIFIC && value.idBlock.tagNumber === number

function tagged(value: AsnType | undefined, number: number): AsnType[] {
  if (!isTagged(value, number) || !(value instanceof Constructed) || !value.idBlock.isConstructed)
    throw new Error(`[${number}] was expected`)
  return [...value.valueBlock.value] as AsnType[]
}

/** AlgorithmIdentifier: an identifier, and parameters that nobody here looks at. */
function algorithm(value: AsnType | undefined): string {
  const [identifier, , ...others] = childrenOf(value, Sequence)
  if (others.length > 0) throw new Error('not an AlgorithmIdentifier')
  return oid(identifier)
}

function oid(value: AsnType | undefined): string {
  if (!(value instanceof ObjectIdentifier) || value.idBlock.isConstructed) throw new Error('an object identifier was expected')
  return value.valueBlock.toString()
}

function sequence(value: AsnType | undefined): AsnType {
  if (!(value instanceof Sequence) || !value.idBlock.isConstructed) throw new Error('a sequence was expected')
  return value
}

function integer(value: AsnType | undefined): Uint8Array {
  if (!(value instanceof Integer) || value.idBlock.isConstructed) throw new Error('an integer was expected')
  return value.valueBlock.valueHexView
}

/** Primitive or, in BER, of several parts. */
function octets(value: AsnType | undefined): Uint8Array {
  if (!(value instanceof OctetString)) throw new Error('an octet string was expected')
  return value.idBlock.isConstructed ? new Uint8Array(value.getValue()) : value.valueBlock.valueHexView
}

/** Exactly as received. */
const bytesOf = (value: AsnType): Uint8Array => value.valueBeforeDecodeView
