import { createHash, X509Certificate } from 'node:crypto'
import { hex } from '#protocol/bytes'
import { parsePlistDict } from '../../mdm/plist/parse-plist.ts'
import { dictAt, type PlistDict, type PlistValue } from '../../mdm/plist/value.ts'
import { parseAttestationObject } from '../attestation/attestation-object.ts'
import { parseCertificate } from '../attestation/certificate.ts'
import { parseDeviceInformation } from '../attestation/device-information.ts'
import { type AttestedProperties, PROPERTY_OIDS, type Property, readProperties } from '../attestation/properties.ts'
import type { EvidenceView } from './views.ts'

/** Evidence laid open for a person: what was read, where it stood, and the bytes themselves. Judges nothing. */
export function viewEvidence(evidence: { digest: string; kind: string; raw: Uint8Array; receivedAt: Date }): EvidenceView {
  const chain = chainOf(evidence)
  return {
    digest: evidence.digest,
    kind: evidence.kind,
    receivedAt: evidence.receivedAt,
    sizeBytes: evidence.raw.length,
    raw: Buffer.from(evidence.raw).toString('base64'),
    properties: [...attestedProperties(chain[0]), ...reportedProperties(evidence)],
    certificates: chain.flatMap(viewCertificate),
  }
}

function chainOf(evidence: { kind: string; raw: Uint8Array }): readonly Uint8Array[] {
  if (evidence.kind === 'acme-attestation-object') {
    const object = parseAttestationObject(evidence.raw)
    return object.ok ? object.chain : []
  }
  if (evidence.kind !== 'device-information-reply') return []
  const parsed = parseDeviceInformation(evidence.raw)
  return parsed.ok ? (parsed.reply.chain ?? []) : []
}

const NAMES: Record<keyof AttestedProperties, string> = {
  serial: 'Serial number',
  udid: 'ProvisioningUDID',
  softwareUpdateDeviceId: 'Software update device ID',
  osVersion: 'macOS version',
  sepOsVersion: 'sepOS version',
  llbVersion: 'Low-level bootloader version',
  freshness: 'Freshness code',
  sip: 'System Integrity Protection',
  secureBoot: 'Secure Boot',
  kexts: 'Third-party kernel extensions',
}

function attestedProperties(leaf: Uint8Array | undefined): EvidenceView['properties'] {
  const parsed = leaf === undefined ? undefined : parseCertificate(leaf)
  if (parsed?.ok !== true) return []
  const properties = readProperties(parsed.certificate)
  return (Object.keys(NAMES) as (keyof AttestedProperties)[]).map((name) => ({
    name: NAMES[name],
    value: words(properties[name]),
    source: `in the attestation, ${PROPERTY_OIDS[name]}`,
  }))
}

function words(property: Property<string | Uint8Array>): string {
  if (property.state !== 'known') return property.state
  return typeof property.value === 'string' ? property.value : hex(property.value)
}

const REPORTS: Record<string, string> = { 'device-information-reply': 'QueryResponses', 'security-info-reply': 'SecurityInfo' }

/** The Mac's own words beside Apple's; certificates and other data are left to the raw view. */
function reportedProperties(evidence: { kind: string; raw: Uint8Array }): EvidenceView['properties'] {
  const section = REPORTS[evidence.kind]
  const plist = section === undefined ? undefined : parsePlistDict(evidence.raw)
  const dict = plist?.ok === true && section !== undefined ? dictAt(plist.value, section) : undefined
  return dict === undefined ? [] : flatten(dict, '')
}

function flatten(dict: PlistDict, path: string): EvidenceView['properties'] {
  return [...dict].flatMap(([key, value]) => {
    if (value instanceof Map) return flatten(value, `${path}${key}.`)
    const text = scalar(value)
    return text === undefined ? [] : [{ name: `${path}${key}`, value: text, source: 'reported by the Mac over MDM' }]
  })
}

function scalar(value: PlistValue): string | undefined {
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? undefined : String(value)
}

/** For the display names and the PEM form; nothing is decided on what it reads. Undefined for what OpenSSL will not read. */
function readForDisplay(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(Buffer.from(der))
  } catch {
    return undefined
  }
}

function viewCertificate(der: Uint8Array): EvidenceView['certificates'] {
  const parsed = parseCertificate(der)
  if (!parsed.ok) return []
  const { certificate } = parsed
  const display = readForDisplay(der)
  if (display === undefined) return []
  return [
    {
      subject: display.subject.replaceAll('\n', ', '),
      issuer: display.issuer.replaceAll('\n', ', '),
      serialNumber: certificate.serialNumber.toString(16),
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      algorithm: `${certificate.publicKey?.curve ?? 'unknown key'}, ${certificate.signatureHash ?? 'unknown signature'}`,
      sha256: createHash('sha256').update(der).digest('hex'),
      pem: display.toString(),
    },
  ]
}
