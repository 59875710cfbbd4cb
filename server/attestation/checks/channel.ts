import { sha256 } from '@noble/hashes/sha2.js'
import { isEqual } from '#protocol/bytes'
import type { Appraisal, AttestedChain } from '../appraisal.ts'
import { parseCertificate } from '../certificate.ts'
import type { CheckId, Judged, Source } from '../checks.ts'
import type { ChannelEvidence, EnrollmentEvidence } from '../evidence.ts'
import { judgeAcmeFreshness } from '../freshness.ts'
import { judgeSerial, judgeUdid } from '../posture.ts'
import { type AttestedProperties, known } from '../properties.ts'
import type { Finding } from '../reasons.ts'

/** Item 2: the MDM channel ends in this Mac's Secure Enclave, by Apple's word. */
export function channelChecks(appraisal: Appraisal): Judged[] {
  const { evidence } = appraisal
  const check = (id: CheckId, good: string, judge: (channel: ChannelEvidence, attested: AttestedChain) => readonly Finding[]): Judged => {
    const { channel } = evidence
    const source = sourceOf(channel)
    if (channel === undefined || appraisal.channel === undefined) {
      return { id, source, findings: [{ code: 'NO_CHANNEL_ATTESTATION' }], isAbsent: true, good }
    }
    return { id, source, findings: judge(channel, appraisal.channel), good }
  }
  return [
    check('channel-chain', 'The attestation of the MDM key leads to the pinned root.', (_, { verdict }) =>
      verdict.ok ? [] : verdict.findings,
    ),
    check('channel-freshness', 'It was made for this enrollment.', (channel, { properties }) => judgeToken(properties, channel.token)),
    check('channel-identity', 'It names this Mac.', (_, { properties }) => judgeIdentity(properties, appraisal)),
    check('channel-key', 'The MDM identity holds the attested key.', judgeIdentityKey),
    check('channel-bound', 'The MDM identity is bound to this enrollment.', (channel) =>
      judgeBound(channel, evidence.enrollment, appraisal.now),
    ),
    checkRights(evidence.enrollment),
  ]
}

const sourceOf = (channel: ChannelEvidence | undefined): Source => ({
  name: 'Apple, attestation of the MDM key (ACME)',
  digest: channel?.evidenceDigest,
  observedAt: channel?.receivedAt,
})

function judgeToken(properties: AttestedProperties | undefined, token: string): Finding[] {
  if (properties === undefined) return [{ code: 'FRESHNESS_MISSING' }]
  const freshness = judgeAcmeFreshness(properties.freshness, token)
  if (freshness === 'fresh') return []
  return [{ code: freshness === 'absent' ? 'FRESHNESS_MISSING' : 'FRESHNESS_MISMATCH' }]
}

/** Both attestations must name the same Mac: by serial number and, so far as the other is there, by UDID. */
function judgeIdentity(properties: AttestedProperties | undefined, { evidence, device }: Appraisal): Finding[] {
  if (properties === undefined) return [{ code: 'SERIAL_MISSING' }]
  const attestedUdid = device?.properties && known(device.properties.udid)
  return [
    ...judgeSerial(properties, evidence.mac.serial),
    ...judgeUdid(properties, evidence.enrollment?.provisioningUdid ?? attestedUdid ?? known(properties.udid)),
  ]
}

function judgeIdentityKey(channel: ChannelEvidence, { verdict }: AttestedChain): Finding[] {
  const identity = parseCertificate(channel.identityCertificate)
  if (!identity.ok || verdict.leaf === undefined) return [{ code: 'CSR_KEY_MISMATCH' }]
  return isEqual(identity.certificate.spki, verdict.leaf.spki) ? [] : [{ code: 'CSR_KEY_MISMATCH' }]
}

function judgeBound(channel: ChannelEvidence, enrollment: EnrollmentEvidence | undefined, now: Date): Finding[] {
  const pinned = enrollment?.identitySha256
  const identity = parseCertificate(channel.identityCertificate)
  if (pinned === undefined || !identity.ok || !isEqual(sha256(channel.identityCertificate), pinned)) return [{ code: 'CERT_NOT_BOUND' }]
  const { notBefore, notAfter } = identity.certificate
  return notBefore <= now && now < notAfter ? [] : [{ code: 'CERT_EXPIRED' }]
}

/** Without these the Mac acknowledges, and silently leaves out what was asked. Apple: "MDM", AccessRights. */
const RIGHTS = { deviceInformation: 16, securityInformation: 1024 }

function checkRights(enrollment: EnrollmentEvidence | undefined): Judged {
  const needed = RIGHTS.deviceInformation | RIGHTS.securityInformation
  const isEnough = enrollment !== undefined && (enrollment.accessRights & needed) === needed
  return {
    id: 'access-rights',
    source: { name: 'Enrollment profile', digest: undefined, observedAt: undefined },
    findings: isEnough ? [] : [{ code: enrollment === undefined ? 'NOT_ENROLLED' : 'RIGHTS_INSUFFICIENT' }],
    isAbsent: enrollment === undefined,
    good: 'The appliance may read device and security information.',
  }
}
