import { Buffer } from 'node:buffer'
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import {
  authorityKeyIdentifier,
  basicConstraints,
  buildCertificate,
  type CertificateSpec,
  distinguishedName,
  type Extension,
  extendedKeyUsage,
  keyUsage,
  pointOf,
  subjectKeyIdentifier,
} from './certificate-builder.ts'
import { integer } from './der-writer.ts'

/**
 * Stand-in for Apple's Enterprise Attestation CA: the same shape, bit for bit, under a root that says in its name that it is
 * for evaluation. A production appliance refuses that root. Apple: "Managed Device Attestation".
 */
export type EvaluationAuthority = { rootDer: Uint8Array; rootKey: KeyObject; subCaDer: Uint8Array; subCaKey: KeyObject }

export type ExportedAuthority = { root: string; rootKey: string; subCa: string; subCaKey: string }

export const EVALUATION_ROOT_NAME = 'Espalier Evaluation Attestation Root CA'
/** Apple's prefix, since a verifier insists on it; the trust comes from the root alone. */
export const EVALUATION_SUB_CA_NAME = 'Apple Enterprise Attestation Sub CA 1 (Espalier Evaluation)'

const rootName = distinguishedName(['CN', EVALUATION_ROOT_NAME], ['O', 'Espalier'])
const subCaName = distinguishedName(['CN', EVALUATION_SUB_CA_NAME], ['O', 'Espalier'])

export function createEvaluationAuthority(options: { now: Date }): EvaluationAuthority {
  const root = newKey()
  const subCa = newKey()
  const rootSpki = spkiOf(root)
  const subCaSpki = spkiOf(subCa)
  const notBefore = wholeSeconds(options.now.getTime() - HOUR_MS)
  const rootDer = buildCertificate({
    serialNumber: randomSerial(),
    issuer: rootName,
    subject: rootName,
    notBefore,
    notAfter: wholeSeconds(options.now.getTime() + 25 * YEAR_MS),
    spki: rootSpki,
    extensions: [basicConstraints(true), subjectKeyIdentifier(rootSpki), keyUsage(0x06)],
    signer: root,
    hash: 'sha384',
  })
  const subCaDer = buildCertificate({
    serialNumber: randomSerial(),
    issuer: rootName,
    subject: subCaName,
    notBefore,
    notAfter: wholeSeconds(options.now.getTime() + 10 * YEAR_MS),
    spki: subCaSpki,
    extensions: [basicConstraints(true, 0), authorityKeyIdentifier(rootSpki), subjectKeyIdentifier(subCaSpki), keyUsage(0x06)],
    signer: root,
    hash: 'sha384',
  })
  return { rootDer, rootKey: root, subCaDer, subCaKey: subCa }
}

export function exportAuthority(authority: EvaluationAuthority): ExportedAuthority {
  return {
    root: certificatePem(authority.rootDer),
    rootKey: authority.rootKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    subCa: certificatePem(authority.subCaDer),
    subCaKey: authority.subCaKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

export function importAuthority(exported: ExportedAuthority): EvaluationAuthority {
  return {
    rootDer: certificateDer(exported.root),
    rootKey: createPrivateKey(exported.rootKey),
    subCaDer: certificateDer(exported.subCa),
    subCaKey: createPrivateKey(exported.subCaKey),
  }
}

export function certificatePem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

const certificateDer = (pem: string) => new Uint8Array(Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64'))

export type AttestationRequest = {
  /** SubjectPublicKeyInfo of the attested key: P-384 on real Macs, P-256 for Platform SSO. */
  leafPublicKeySpki: Uint8Array
  serial: string
  /** ProvisioningUDID, never the MDM UDID. */
  udid: string
  osVersion: string
  sepOsVersion: string
  llb: string
  softwareUpdateDeviceId: string
  /** DeviceInformation: the raw nonce. ACME: SHA-256 of the ASCII token. */
  freshness: Uint8Array
  /** 0 = enabled. */
  sip?: number
  secureBoot?: string
  /** 0 = none allowed. */
  kexts?: number
  now: Date
  /** User enrollment: Apple leaves out serial and UDID. */
  userEnrollment?: boolean
  overrides?: AttestationOverrides
}

/** Single deviations from Apple's shape, for tests. */
export type AttestationOverrides = {
  leaf?: Partial<CertificateSpec>
  extensions?: (extensions: Extension[]) => Extension[]
  /** Replaces the subject's common name, which is otherwise the hash of the key. */
  commonName?: string
}

/** The arc of Apple's device attestation properties. */
export const APPLE_ARC = '1.2.840.113635.100.8'
const ATTESTATION_EKU = '1.2.840.113635.100.4.24'
/** Apple's leaves live for about 91 days. */
const LEAF_LIFE_MS = 91 * 24 * 3600_000
const HOUR_MS = 3600_000
const YEAR_MS = 365 * 24 * HOUR_MS

/** One attestation as a Mac hands it over: [leaf, Sub CA], DER, without the root. */
export function issueAttestation(authority: EvaluationAuthority, request: AttestationRequest): [Uint8Array, Uint8Array] {
  const { overrides = {}, now, leafPublicKeySpki: spki } = request
  const extensions = leafExtensions(request)
  const leaf = buildCertificate({
    serialNumber: BigInt(now.getTime()),
    issuer: subCaName,
    subject: leafName(overrides.commonName ?? createHash('sha256').update(pointOf(spki)).digest('hex')),
    notBefore: wholeSeconds(now.getTime() - 1000),
    notAfter: wholeSeconds(now.getTime() + LEAF_LIFE_MS),
    spki,
    extensions: overrides.extensions?.(extensions) ?? extensions,
    signer: authority.subCaKey,
    hash: 'sha384',
    ...overrides.leaf,
  })
  return [leaf, authority.subCaDer]
}

export const leafName = (commonName: string) =>
  distinguishedName(['CN', commonName], ['OU', 'AAA Certification'], ['O', 'Apple Inc.'], ['ST', 'California'])

/** Order and encodings as on real leaves: not sorted, raw octets, an INTEGER only for SIP and kernel extensions. */
function leafExtensions(request: AttestationRequest): Extension[] {
  const identity = request.userEnrollment === true ? [] : [property('9.1', ascii(request.serial)), property('9.2', ascii(request.udid))]
  return [
    basicConstraints(false),
    keyUsage(0xf0),
    extendedKeyUsage(ATTESTATION_EKU),
    property('13.2', ascii(request.secureBoot ?? 'Full Security')),
    property('13.3', integer(request.kexts ?? 0)),
    property('13.1', integer(request.sip ?? 0)),
    ...identity,
    property('10.2', ascii(request.sepOsVersion)),
    property('11.1', request.freshness),
    property('9.4', ascii(request.softwareUpdateDeviceId)),
    property('10.3', ascii(request.llb)),
    property('10.1', ascii(request.osVersion)),
  ]
}

export const property = (suffix: string, value: Uint8Array): Extension => ({ oid: `${APPLE_ARC}.${suffix}`, value })

const ascii = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
export const spkiOf = (key: KeyObject) => new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }))
const wholeSeconds = (ms: number) => new Date(Math.floor(ms / 1000) * 1000)
/** 159 random bits: positive, at most 20 bytes (RFC 5280 §4.1.2.2). */
const randomSerial = () => BigInt(`0x${randomBytes(20).toString('hex')}`) >> 1n
