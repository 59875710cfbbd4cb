import { createHash, timingSafeEqual, verify, X509Certificate } from 'node:crypto'
import { fromBER, type OctetString } from 'asn1js'
import { type Attribute, Certificate, ContentInfo, IssuerAndSerialNumber, SignedData, type SignerInfo } from 'pkijs'
import { parsePlistDict } from '../plist/parse-plist.ts'
import { booleanAt, stringAt } from '../plist/value.ts'

/** What a Mac says of itself when Setup Assistant asks for its enrollment profile. Apple: MachineInfo. */
export type MachineInfo = {
  serial: string
  udid: string
  product: string | undefined
  osVersion: string | undefined
  buildVersion: string | undefined
  language: string | undefined
  softwareUpdateDeviceId: string | undefined
  /** It can be told to update its system before it enrolls (`com.apple.softwareupdate.required`). */
  canRequestSoftwareUpdate: boolean
}

export type MachineInfoFault = 'CMS_MALFORMED' | 'CMS_SIGNER_COUNT' | 'CMS_SIGNATURE_INVALID' | 'NOT_A_DEVICE' | 'MACHINE_INFO_MALFORMED'

const MAX_BYTES = 32 * 1024
const MAX_CERTIFICATES = 6
const ID_MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
/** SHA-1 is what devices have signed with since 2010. */
const DIGESTS: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
}

type Outcome = { ok: true; info: MachineInfo } | { ok: false; code: MachineInfoFault; detail: string }

class Fault extends Error {
  readonly code: MachineInfoFault
  constructor(code: MachineInfoFault, detail: string) {
    super(detail)
    this.code = code
  }
}

/**
 * Opens the CMS-signed MachineInfo of a Mac in Setup Assistant, signed by a certificate under one of `anchors` (Apple's device CA).
 *
 * That authority holds RSA-1024, signs with SHA-1 and expired in 2014, so its dates are not judged and its word is taken for
 * nothing but which invitation the Mac means: the profile that is handed out names a serial number, and no identity is issued
 * before Apple's attestation over ACME has named the same. Never throws.
 */
export function openMachineInfo(cms: Uint8Array, anchors: readonly [X509Certificate, ...X509Certificate[]]): Outcome {
  try {
    const { signer, certificates, content } = parse(cms)
    const certificate = signerOf(certificates, signer)
    if (!anchors.some((anchor) => certificate.checkIssued(anchor) && certificate.verify(anchor.publicKey))) {
      throw new Fault('NOT_A_DEVICE', 'the signer’s certificate is not of Apple’s device authority')
    }
    verifySigner(signer, certificate, content)
    return { ok: true, info: readInfo(content) }
  } catch (error) {
    if (error instanceof Fault) return { ok: false, code: error.code, detail: error.message }
    return { ok: false, code: 'CMS_MALFORMED', detail: error instanceof Error ? error.message : 'unreadable' }
  }
}

type Parsed = { signer: SignerInfo; certificates: Certificate[]; content: Uint8Array }

function parse(cms: Uint8Array): Parsed {
  if (cms.length === 0 || cms.length > MAX_BYTES) throw new Fault('CMS_MALFORMED', `not between 1 and ${MAX_BYTES} bytes`)
  const parsed = fromBER(new Uint8Array(cms))
  if (parsed.offset !== cms.length) throw new Fault('CMS_MALFORMED', 'not one ASN.1 value')
  const signed = new SignedData({ schema: new ContentInfo({ schema: parsed.result }).content })
  const content = contentOf(signed)
  const [signer, ...others] = signed.signerInfos
  if (signer === undefined || others.length > 0) throw new Fault('CMS_SIGNER_COUNT', `${signed.signerInfos.length} signers`)
  const certificates = (signed.certificates ?? []).filter((one) => one instanceof Certificate)
  if (certificates.length > MAX_CERTIFICATES) throw new Fault('CMS_MALFORMED', `more than ${MAX_CERTIFICATES} certificates`)
  return { signer, certificates, content }
}

/** Devices write BER with the content in pieces. */
function contentOf(signed: SignedData): Uint8Array {
  const octets = signed.encapContentInfo.eContent
  if (octets === undefined) throw new Fault('CMS_MALFORMED', 'there is no content')
  return new Uint8Array(octets.getValue())
}

function signerOf(certificates: Certificate[], { sid }: SignerInfo): X509Certificate {
  const isNamed = (one: Certificate): boolean =>
    sid instanceof IssuerAndSerialNumber && one.serialNumber.isEqual(sid.serialNumber) && one.issuer.isEqual(sid.issuer)
  const [found, ...others] = certificates.filter(isNamed)
  if (found === undefined || others.length > 0) throw new Fault('CMS_MALFORMED', 'not exactly one certificate of the signer')
  return new X509Certificate(new Uint8Array(found.toSchema().toBER()))
}

function verifySigner(signer: SignerInfo, certificate: X509Certificate, content: Uint8Array): void {
  const digest = DIGESTS[signer.digestAlgorithm.algorithmId]
  if (digest === undefined) throw new Fault('CMS_SIGNATURE_INVALID', 'an unknown digest')
  const attributes = signer.signedAttrs
  if (attributes !== undefined) checkDigest(attributes.attributes, digest, content)
  const signedBytes = attributes === undefined ? content : new Uint8Array(attributes.encodedValue)
  if (!verify(digest, signedBytes, certificate.publicKey, signer.signature.valueBlock.valueHexView)) {
    throw new Fault('CMS_SIGNATURE_INVALID', 'the signature is not of this key over this content')
  }
}

/** RFC 5652 §5.4: the signed attributes tie themselves to the content by its digest. */
function checkDigest(attributes: readonly Attribute[], digest: string, content: Uint8Array): void {
  const [found, ...others] = attributes.filter(({ type }) => type === ID_MESSAGE_DIGEST)
  const stated = others.length === 0 && found?.values.length === 1 ? (found.values[0] as OctetString).valueBlock.valueHexView : undefined
  const actual = createHash(digest).update(content).digest()
  if (stated === undefined || stated.length !== actual.length || !timingSafeEqual(stated, actual)) {
    throw new Fault('CMS_SIGNATURE_INVALID', 'the content is not what was signed')
  }
}

const SERIAL = /^[A-Za-z0-9]{8,14}$/

function readInfo(content: Uint8Array): MachineInfo {
  const parsed = parsePlistDict(content)
  if (!parsed.ok) throw new Fault('MACHINE_INFO_MALFORMED', parsed.detail)
  const text = (key: string) => stringAt(parsed.value, key)?.slice(0, 256)
  const serial = text('SERIAL')
  const udid = text('UDID')
  if (serial === undefined || !SERIAL.test(serial)) throw new Fault('MACHINE_INFO_MALFORMED', 'no serial number')
  if (udid === undefined || udid === '') throw new Fault('MACHINE_INFO_MALFORMED', 'no UDID')
  return {
    serial: serial.toUpperCase(),
    udid,
    product: text('PRODUCT'),
    osVersion: text('OS_VERSION'),
    buildVersion: text('VERSION'),
    language: text('LANGUAGE'),
    softwareUpdateDeviceId: text('SOFTWARE_UPDATE_DEVICE_ID'),
    canRequestSoftwareUpdate: booleanAt(parsed.value, 'MDM_CAN_REQUEST_SOFTWARE_UPDATE') ?? false,
  }
}
