import { fromBase64url } from '#protocol/bytes'
import { parseAttestationObject } from './attestation-object.ts'
import { type DeviceInformationReply, parseDeviceInformation } from './device-information.ts'
import { decodePemCertificates } from './pem.ts'

/** What a file handed to `attest inspect` can be. */
export type InputKind = 'pem-chain' | 'certificate' | 'acme-attestation-object' | 'device-information-reply'

export type InspectInput =
  | { ok: true; kind: InputKind; chain: readonly Uint8Array[]; reply: DeviceInformationReply | undefined }
  | { ok: false; kind: InputKind | undefined; verdict: 'malformed' | 'unsupported'; code: InputErrorCode; message: string }

export type InputErrorCode =
  | 'empty_input'
  | 'input_too_large'
  | 'unknown_input'
  | 'malformed_input'
  | 'unsupported_format'
  | 'no_attestation'

export const MAX_INPUT_BYTES = 1024 * 1024

/** Recognises and takes apart a file. Never throws. */
export function readInspectInput(bytes: Uint8Array): InspectInput {
  if (bytes.length === 0) return malformed(undefined, 'The file is empty.', 'empty_input')
  if (bytes.length > MAX_INPUT_BYTES) return malformed(undefined, 'The file is larger than 1 MiB.', 'input_too_large')
  const text = Buffer.from(bytes).toString('latin1')
  if (text.startsWith('bplist00') || /^\s*(<\?xml|<!DOCTYPE plist|<plist)/.test(text.slice(0, 256).replace(BOM, '')))
    return readReply(bytes)
  if (text.includes('-----BEGIN ')) return readPem(text)
  if (/^\s*\{/.test(text)) return readJson(bytes)
  return readBinary(bytes) ?? readEncoded(text.trim())
}

/** A byte order mark, as latin1 shows it. */
const BOM = /^ï»¿/

function readPem(text: string): InspectInput {
  const chain = decodePemCertificates(text)
  if (chain === undefined) return malformed('pem-chain', 'The file is not a list of PEM certificates.')
  return { ok: true, kind: 'pem-chain', chain, reply: undefined }
}

function readReply(bytes: Uint8Array): InspectInput {
  const kind = 'device-information-reply'
  const parsed = parseDeviceInformation(bytes)
  if (!parsed.ok) return malformed(kind, `The property list is not a DeviceInformation reply: ${parsed.detail}.`)
  const { reply } = parsed
  if (reply.chain === undefined || reply.chain.length === 0) {
    const message = 'The reply holds no DevicePropertiesAttestation: the Mac was not asked for one, may not answer, or cannot be attested.'
    return { ok: false, kind, verdict: 'unsupported', code: 'no_attestation', message }
  }
  return { ok: true, kind, chain: reply.chain, reply }
}

function readJson(bytes: Uint8Array): InspectInput {
  const attObj = readAttObj(bytes)
  const object = attObj === undefined ? undefined : fromBase64url(attObj)
  if (object === undefined) return malformed('acme-attestation-object', 'The JSON holds no “attObj” in base64url.')
  return readObject(object)
}

function readAttObj(bytes: Uint8Array): string | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    const attObj = typeof value === 'object' && value !== null && 'attObj' in value ? value.attObj : undefined
    return typeof attObj === 'string' ? attObj : undefined
  } catch {
    return undefined
  }
}

function readObject(bytes: Uint8Array): InspectInput {
  const kind = 'acme-attestation-object'
  const object = parseAttestationObject(bytes)
  if (object.ok) return { ok: true, kind, chain: object.chain, reply: undefined }
  if (object.reason === 'malformed') return malformed(kind, `The attestation object is malformed: ${object.detail}.`)
  return {
    ok: false,
    kind,
    verdict: 'unsupported',
    code: 'unsupported_format',
    message: `The attestation object is not Apple’s: ${object.detail}.`,
  }
}

/** By the first byte: 0xA0–0xBF begins a CBOR map, 0x30 0x8x a DER certificate. */
function readBinary(bytes: Uint8Array): InspectInput | undefined {
  const [first = 0, second = 0] = bytes
  if (first >= 0xa0 && first <= 0xbf) return readObject(bytes)
  if (first === 0x30 && second >= 0x80) return { ok: true, kind: 'certificate', chain: [bytes], reply: undefined }
  return undefined
}

function readEncoded(text: string): InspectInput {
  const decoded = text.length > 0 ? fromBase64url(text) : undefined
  const input = decoded === undefined ? undefined : readBinary(decoded)
  return (
    input ??
    malformed(undefined, 'The file is neither a PEM chain, nor an ACME attestation object, nor a DeviceInformation reply.', 'unknown_input')
  )
}

function malformed(kind: InputKind | undefined, message: string, code: InputErrorCode = 'malformed_input'): InspectInput {
  return { ok: false, kind, verdict: 'malformed', code, message }
}
