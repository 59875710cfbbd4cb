import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Claims } from '#protocol/frames'
import { MacId } from '#protocol/ids'
import { attestationNonce, attestationNoncePreimage } from '#protocol/statements'
import { parseSecurityInfo } from '../../mdm/commands/security-info.ts'
import { plistDict } from '../../mdm/plist/value.ts'
import {
  type BindingEvidence,
  type DeviceEvidence,
  type EnrollmentEvidence,
  NOTHING_REVOKED,
  type TrustEvidence,
} from '../../server/attestation/evidence.ts'
import { Policy } from '../../server/attestation/policy.ts'
import { createEvaluationAnchors } from '../../server/attestation/roots.ts'
import {
  type AttestationRequest,
  createEvaluationAuthority,
  type EvaluationAuthority,
  issueAttestation,
  leafName,
  spkiOf,
} from '../software-mac/apple/authority.ts'
import { basicConstraints, buildCertificate } from '../software-mac/apple/certificate-builder.ts'

/** The evidence of one Mac with which nothing is wrong, so that a test can spoil exactly one part of it. */

export const NOW = new Date('2026-11-21T12:00:00Z')
export const HOUR_MS = 3600_000
export const DAY_MS = 24 * HOUR_MS
export const ago = (ms: number): Date => new Date(NOW.getTime() - ms)

/** Made once: key generation is most of the work. */
export const authority: EvaluationAuthority = createEvaluationAuthority({ now: ago(30 * DAY_MS) })
export const p384 = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
export const p256 = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

const identityKey = p384()
const deviceKey = p384()
export const agentKey = spkiOf(p256())
export const otherAgentKey = spkiOf(p256())

export const MAC = MacId.parse('mac_0123456789abcdefghjk')
export const SERIAL = '0HXK2Q9ABC'
export const UDID = '00006030-0001020304050607'
export const ENROLLMENT = 'enr_1'
export const TOKEN = 'a-token-of-128-random-bits'

export const facts = (overrides: Partial<AttestationRequest> = {}): AttestationRequest => ({
  leafPublicKeySpki: spkiOf(deviceKey),
  serial: SERIAL,
  udid: UDID,
  osVersion: '15.5',
  sepOsVersion: '15.5',
  llb: '11881.121.1',
  softwareUpdateDeviceId: 'J514sAP',
  freshness: new Uint8Array(32),
  now: ago(HOUR_MS),
  ...overrides,
})

export const preimage = (options: { agentKey?: Uint8Array; issuedAt?: Date; mac?: MacId; enrollmentId?: string } = {}): Uint8Array =>
  attestationNoncePreimage({
    mac: options.mac ?? MAC,
    enrollmentId: options.enrollmentId ?? ENROLLMENT,
    agentKey: options.agentKey ?? agentKey,
    issuedAt: (options.issuedAt ?? ago(2 * HOUR_MS)).getTime(),
    random: new Uint8Array(32).fill(7),
  })

export const deviceChain = (request: Partial<AttestationRequest> = {}, nonce: Uint8Array = attestationNonce(preimage())): Uint8Array[] =>
  issueAttestation(authority, facts({ freshness: nonce, ...request }))

export const acmeChain = (request: Partial<AttestationRequest> = {}): Uint8Array[] =>
  issueAttestation(
    authority,
    facts({
      leafPublicKeySpki: spkiOf(identityKey),
      freshness: createHash('sha256').update(TOKEN).digest(),
      now: ago(3 * HOUR_MS),
      ...request,
    }),
  )

export function identityCertificate(key: KeyObject = identityKey, life: { notBefore?: Date; notAfter?: Date } = {}): Uint8Array {
  const ca = p384()
  return buildCertificate({
    serialNumber: 7n,
    issuer: leafName('device CA'),
    subject: leafName(ENROLLMENT),
    notBefore: life.notBefore ?? ago(3 * HOUR_MS),
    notAfter: life.notAfter ?? new Date(NOW.getTime() + 180 * DAY_MS),
    spki: spkiOf(key),
    extensions: [basicConstraints(false)],
    signer: ca,
    hash: 'sha384',
  })
}

export const claims: Claims = {
  agentVersion: '0.1.0',
  platform: 'software',
  codeHash: 'ab'.repeat(32),
  teamId: null,
  osVersion: '15.5',
  osBuild: '24F74',
  sipEnabled: true,
  secureBoot: 'full',
  rdmaEnabled: false,
  bootSession: 'boot-1',
  models: {},
  sealingKeys: ['AAAA'],
}

/** From the plist of a SecurityInfo reply, as the MDM library reads it. */
const parsedReport = parseSecurityInfo({
  plist: plistDict({
    SecurityInfo: plistDict({
      SystemIntegrityProtectionEnabled: true,
      FDE_Enabled: true,
      AuthenticatedRootVolumeEnabled: true,
      RemoteDesktopEnabled: false,
      SecureBoot: plistDict({ SecureBootLevel: 'full', ExternalBootLevel: 'disallowed' }),
      ManagementStatus: plistDict({ EnrolledViaDEP: false, UserApprovedEnrollment: true, IsUserEnrollment: false }),
    }),
  }),
})
if (!parsedReport.ok) throw new TypeError('the security report of the fixture is malformed')
export const securityReport = parsedReport.report

/** Of a fleet that lives by DeviceInformation, which Apple gives once in seven days. */
export const policy: Policy = Policy.parse({
  version: 1,
  allowEvaluation: true,
  maxEvidenceAgeMs: 8 * DAY_MS,
  mdmSilentAfterMs: 30 * DAY_MS,
  releases: [{ agentVersion: '0.1.0' }],
})

const anchors = createEvaluationAnchors(authority.rootDer)
const standardDeviceChain = deviceChain()
const standardAcmeChain = acmeChain()
const standardIdentity = identityCertificate()

export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

/** Parts are never undefined here, so that a test can spread them. */
export const parts = {
  enrollment: {
    id: ENROLLMENT,
    isEnrolled: true,
    kind: 'profile' as EnrollmentEvidence['kind'],
    identityKind: 'acme' as EnrollmentEvidence['identityKind'],
    supersededBy: undefined as string | undefined,
    provisioningUdid: UDID as string | undefined,
    accessRights: 8191,
    identitySha256: sha256(standardIdentity) as Uint8Array | undefined,
    lastSeenAt: ago(HOUR_MS) as Date | undefined,
  },
  channel: {
    chain: standardAcmeChain,
    token: TOKEN,
    receivedAt: ago(3 * HOUR_MS),
    identityCertificate: standardIdentity,
    otherUses: [] as DeviceEvidence['otherUses'],
    evidenceDigest: sha256(new Uint8Array([1])),
  },
  device: {
    source: 'device_information' as DeviceEvidence['source'],
    chain: standardDeviceChain,
    receivedAt: ago(HOUR_MS),
    bootSession: 'boot-1' as string | undefined,
    otherUses: [] as DeviceEvidence['otherUses'],
    evidenceDigest: sha256(new Uint8Array([2])),
  },
  binding: {
    level: 'ticket',
    agentKey,
    enrollmentId: ENROLLMENT,
    provedAt: ago(2.5 * HOUR_MS),
  } satisfies BindingEvidence as BindingEvidence,
  securityInfo: { report: securityReport as unknown, receivedAt: ago(2 * HOUR_MS), evidenceDigest: sha256(new Uint8Array([3])) },
  session: {
    agentKey,
    lastAnsweredAt: ago(60_000) as Date | undefined,
    missed: 0,
    claims: claims as Claims | undefined,
    continuousSince: ago(4 * HOUR_MS) as Date | undefined,
  },
}

export const trustedEvidence = (overrides: Partial<TrustEvidence> = {}): TrustEvidence => ({
  anchors,
  mac: { id: MAC, serial: SERIAL, isInInventory: true, isRevoked: false, isAppleSilicon: true, quarantine: undefined, pool: null },
  enrollment: parts.enrollment,
  channel: parts.channel,
  device: parts.device,
  noncePreimages: [preimage()],
  binding: parts.binding,
  securityInfo: parts.securityInfo,
  session: parts.session,
  revoked: NOTHING_REVOKED,
  ...overrides,
})
