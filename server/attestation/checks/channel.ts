import { sha256 } from '@noble/hashes/sha2.js'
import { isEqual } from '#protocol/bytes'
import { type Appraisal, type AttestedChain, ageOf } from '../appraisal.ts'
import type { Certificate } from '../certificate.ts'
import type { CheckId, Judged, Source } from '../checks.ts'
import type { ChannelEvidence } from '../evidence.ts'
import { judgeAcmeFreshness } from '../freshness.ts'
import type { Policy } from '../policy.ts'
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
    check('channel-key', 'The MDM identity holds the attested key.', (_, attested) => judgeIdentityKey(attested, appraisal.identity)),
    check('channel-bound', 'The MDM identity is bound to this enrollment.', () => judgeBound(appraisal)),
    checkRights(appraisal),
    checkHeard(appraisal),
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

function judgeIdentityKey({ verdict }: AttestedChain, identity: Certificate | undefined): Finding[] {
  if (identity === undefined || verdict.leaf === undefined) return [{ code: 'CSR_KEY_MISMATCH' }]
  return isEqual(identity.spki, verdict.leaf.spki) ? [] : [{ code: 'CSR_KEY_MISMATCH' }]
}

function judgeBound({ evidence: { enrollment }, identity, now }: Appraisal): Finding[] {
  const pinned = enrollment?.identitySha256
  if (pinned === undefined || identity === undefined || !isEqual(sha256(identity.raw), pinned)) return [{ code: 'CERT_NOT_BOUND' }]
  const { notBefore, notAfter } = identity
  return notBefore <= now && now < notAfter ? [] : [{ code: 'CERT_EXPIRED' }]
}

/** Without these the Mac acknowledges, and silently leaves out what was asked. Apple: "MDM", AccessRights. */
const RIGHTS = { deviceInformation: 16, securityInformation: 1024 }

function checkRights({ evidence: { enrollment }, policy }: Appraisal): Judged {
  if (enrollment?.kind === 'external') return checkExternal(policy)
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

/** No rights are needed where nothing can be asked: whatever Apple and the agent do not say about such a Mac is unknown. */
function checkExternal(policy: Policy): Judged {
  return {
    id: 'access-rights',
    source: { name: 'Policy', digest: undefined, observedAt: undefined },
    findings: policy.allowExternalManagement ? [] : [{ code: 'EXTERNAL_MANAGEMENT' }],
    good: 'Another MDM server manages this Mac, which the policy allows.',
    mood: 'info',
  }
}

/** When a Mac that is not heard over MDM counts no more; undefined where it has no MDM channel to this appliance. */
export function mdmSilentFrom({ evidence: { enrollment }, policy }: Appraisal): Date | undefined {
  if (enrollment?.lastSeenAt === undefined || enrollment.kind === 'external') return undefined
  return new Date(enrollment.lastSeenAt.getTime() + policy.mdmSilentAfterMs)
}

function checkHeard(appraisal: Appraisal): Judged {
  const { enrollment } = appraisal.evidence
  const source = { name: 'The MDM channel', digest: undefined, observedAt: enrollment?.lastSeenAt }
  const judged = { id: 'mdm-heard' as const, source, good: 'The Mac answers over MDM.' }
  if (enrollment === undefined) return { ...judged, findings: [{ code: 'NOT_ENROLLED' }], isAbsent: true }
  if (enrollment.kind === 'external') return { ...judged, findings: [], good: 'It has no MDM channel to this appliance.', mood: 'info' }
  if (enrollment.lastSeenAt === undefined) return { ...judged, findings: [{ code: 'MDM_SILENT' }], isAbsent: true }
  if (ageOf(enrollment.lastSeenAt, appraisal.now).isAhead)
    return { ...judged, findings: [{ code: 'CLOCK_SKEW', detail: 'of the last word over MDM' }] }
  const silentFrom = mdmSilentFrom(appraisal)
  return { ...judged, findings: silentFrom === undefined || appraisal.now >= silentFrom ? [{ code: 'MDM_SILENT' }] : [] }
}
