import { sha256 } from '@noble/hashes/sha2.js'
import { hex, isEqual } from '#protocol/bytes'
import { type Certificate, parseCertificate } from './certificate.ts'
import { verifyChain } from './chain.ts'
import { type InputErrorCode, type InputKind, type InspectInput, readInspectInput } from './inspect-input.ts'
import { acmeFreshness } from './nonce.ts'
import { Policy } from './policy.ts'
import { judgePosture, judgeSerial } from './posture.ts'
import { type AttestedProperties, known, PROPERTY_OIDS, type Property, readProperties } from './properties.ts'
import { describeReason, type Finding, type ReasonCode } from './reasons.ts'
import type { TrustAnchors } from './roots.ts'

export type InspectOptions = {
  at: Date
  anchors: TrustAnchors
  /** The expected freshness code, as it must stand in the attestation. */
  nonce?: Uint8Array | undefined
  /** The ACME challenge's token, whose SHA-256 is the expected freshness code. */
  token?: string | undefined
  serial?: string | undefined
}

export type InspectReport = {
  verdict: 'proven' | 'refused' | 'unsupported' | 'malformed'
  exitCode: 0 | 10 | 20 | 30
  input: InputKind | null
  at: string
  root: { domain: TrustAnchors['domain']; commonName: string | null; sha256: string }
  error: { code: InputErrorCode | 'malformed_certificate'; message: string } | null
  reasons: { code: ReasonCode; sentence: string; remedy: string; detail: string | null }[]
  /** Checks that need something this file alone does not hold. They do not change the exit code. */
  notChecked: NotChecked[]
  certificates: InspectedCertificate[]
  properties: InspectedProperty[]
  /** Reported, not judged. */
  age: { since: string; ageMs: number } | null
}

export type NotChecked = 'nonce' | 'serial' | 'udid' | 'key' | 'age'
export type InspectedCertificate = {
  subject: string | null
  issuer: string | null
  serialNumber: string
  notBefore: string
  notAfter: string
  sha256: string
}
export type InspectedProperty = { name: string; oid: string; state: string; raw: string | null; value: string | null }

const EXIT = { proven: 0, refused: 10, unsupported: 20, malformed: 30 } as const

/** Judges chain, encodings and posture of an attestation in a file. Pure; never throws for its input. */
export function inspectAttestation(bytes: Uint8Array, options: InspectOptions): InspectReport {
  const input = readInspectInput(bytes)
  if (!input.ok)
    return {
      ...emptyReport(options),
      ...outcome(input.verdict),
      input: input.kind ?? null,
      error: { code: input.code, message: input.message },
    }
  const chain = verifyChain(input.chain, options.anchors, options.at)
  const properties = chain.leaf === undefined ? undefined : readProperties(chain.leaf)
  const findings = [...(chain.ok ? [] : chain.findings), ...(properties === undefined ? [] : judgeProperties(properties, input, options))]
  const isMalformed = findings.some(({ code }) => code === 'CERT_MALFORMED')
  const verdict = isMalformed ? 'malformed' : findings.length > 0 ? 'refused' : 'proven'
  return {
    ...emptyReport(options),
    ...outcome(verdict),
    input: input.kind,
    error: isMalformed ? { code: 'malformed_certificate', message: 'A certificate is not strict DER.' } : null,
    reasons: findings.map(explain),
    notChecked: notChecked(input, options),
    certificates: input.chain.flatMap((der) => describeCertificate(parseCertificate(der))),
    properties: properties === undefined ? [] : describeProperties(properties),
    age: chain.leaf === undefined ? null : ageOf(chain.leaf, options.at),
  }
}

function emptyReport({ at, anchors }: InspectOptions): Omit<InspectReport, 'verdict' | 'exitCode' | 'input' | 'error'> {
  const [root] = anchors.roots
  return {
    at: at.toISOString(),
    root: { domain: anchors.domain, commonName: root.subject.commonName ?? null, sha256: hex(sha256(root.raw)) },
    reasons: [],
    notChecked: [],
    certificates: [],
    properties: [],
    age: null,
  }
}

const outcome = <V extends InspectReport['verdict']>(verdict: V) => ({ verdict, exitCode: EXIT[verdict] })

type Input = Extract<InspectInput, { ok: true }>

function judgeProperties(properties: AttestedProperties, { reply }: Input, options: InspectOptions): Finding[] {
  return [
    ...judgePosture(properties, Policy.parse({ version: 1, releases: [] })),
    ...judgeSerial(properties, options.serial ?? reply?.reportedSerial ?? known(properties.serial) ?? ''),
    ...judgeReported(properties, reply?.reportedSerial, options.serial),
    ...(properties.udid.state === 'known' ? [] : [{ code: 'UDID_MISSING' as const }]),
    ...judgeReportedUdid(properties, reply?.reportedProvisioningUdid),
    ...judgeFreshness(properties.freshness, options),
  ]
}

/** The Mac that sent the reply must be the one that Apple names, also where another serial number was asked for. */
function judgeReported({ serial }: AttestedProperties, reported: string | undefined, asked: string | undefined): Finding[] {
  if (asked === undefined || reported === undefined || serial.state !== 'known') return [] // judged as the expected one
  return serial.value === reported ? [] : [{ code: 'SERIAL_MISMATCH', detail: 'the reply itself names another' }]
}

function judgeReportedUdid({ udid }: AttestedProperties, reported: string | undefined): Finding[] {
  if (reported === undefined || udid.state !== 'known' || udid.value === reported) return []
  return [{ code: 'UDID_MISMATCH', detail: 'the reply itself names another' }]
}

function judgeFreshness(code: Property<Uint8Array>, { nonce, token }: InspectOptions): Finding[] {
  if (code.state !== 'known') return [{ code: 'FRESHNESS_MISSING' }]
  const expected = [...(nonce === undefined ? [] : [nonce]), ...(token === undefined ? [] : [acmeFreshness(token)])]
  return expected.every((value) => isEqual(value, code.value)) ? [] : [{ code: 'FRESHNESS_MISMATCH' }]
}

function notChecked({ reply }: Input, options: InspectOptions): NotChecked[] {
  const left: NotChecked[] = []
  if (options.nonce === undefined && options.token === undefined) left.push('nonce')
  if (options.serial === undefined) left.push('serial')
  if (reply?.reportedProvisioningUdid === undefined) left.push('udid')
  return [...left, 'key', 'age']
}

function explain({ code, detail }: Finding): InspectReport['reasons'][number] {
  const { sentence, remedy } = describeReason(code)
  return { code, sentence, remedy, detail: detail ?? null }
}

function describeCertificate(parsed: ReturnType<typeof parseCertificate>): InspectedCertificate[] {
  if (!parsed.ok) return []
  const { subject, issuer, serialNumber, notBefore, notAfter, raw } = parsed.certificate
  return [
    {
      subject: subject.commonName ?? null,
      issuer: issuer.commonName ?? null,
      serialNumber: serialNumber.toString(16),
      notBefore: notBefore.toISOString(),
      notAfter: notAfter.toISOString(),
      sha256: hex(sha256(raw)),
    },
  ]
}

function describeProperties(properties: AttestedProperties): InspectedProperty[] {
  return (Object.keys(PROPERTY_OIDS) as (keyof AttestedProperties)[]).map((name) => {
    const property = properties[name]
    const raw = 'raw' in property ? hex(property.raw) : null
    const value = property.state !== 'known' ? null : property.value instanceof Uint8Array ? hex(property.value) : property.value
    return { name, oid: PROPERTY_OIDS[name], state: property.state, raw, value }
  })
}

const ageOf = (leaf: Certificate, at: Date) => ({ since: leaf.notBefore.toISOString(), ageMs: at.getTime() - leaf.notBefore.getTime() })
