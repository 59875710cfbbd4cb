import { createHash } from 'node:crypto'
import { attestationNonce, attestationToken } from '#protocol/statements'
import { NOTHING_REVOKED, type TrustEvidence } from '../../server/attestation/evidence.ts'
import { Policy } from '../../server/attestation/policy.ts'
import { createEvaluationAuthority, issueAttestation, spkiOf } from '../software-mac/apple/authority.ts'
import {
  ago,
  authority,
  claims,
  DAY_MS,
  facts,
  identityCertificate,
  MAC,
  NOW,
  p256,
  p384,
  preimage,
  SERIAL,
  securityReport,
  sha256,
  trustedEvidence,
  UDID,
} from './trust-evidence.ts'

/**
 * One Mac, its enrollments, its agent, Apple and the appliance's records, as a machine that events drive. It keeps every fact twice:
 * as plain words for the oracle (`trust-oracle.ts`), and as the bytes that the decision sees. Time is counted in minutes.
 */
export type TrustEvent =
  | { do: PlainEvent }
  | { do: 'ask' }
  | { do: 'attest'; by: Path; fault?: 'crossed' | 'stranger' | 'other-mac' }
  | { do: 'stay' | 'silence'; minutes: number }
  | { do: 'restart'; sip: boolean }
  | { do: 'file-vault'; on: boolean }
  | { do: 'waive'; minutes: number }
  | { do: 'policy'; graceMinutes: number | null; maxAgeMinutes: number }
  | { do: 'clock'; minutes: number }

export type PlainEvent =
  | 'enroll'
  | 'enroll-untidily'
  | 'check-out'
  | 'connect'
  | 'disconnect'
  | 'bind'
  | 'report'
  | 'miss'
  | 'revoke'
  | 'quarantine'
  | 'release'
  | 'change-key'
  | 'displace'

export type Path = 'device_information' | 'acme_reattestation'
export type Asked = { key: number; enrollment: number; at: number }
export type Attested = {
  by: Path
  asked: Asked | undefined
  madeAt: number
  receivedAt: number
  boot: number
  sip: boolean
  isGood: boolean
  chain: Uint8Array[]
}

export type World = {
  now: number
  enrollment: { number: number; isEnrolled: boolean; at: number } | undefined
  enrollments: number
  /** Which of the agent's keys it uses now. */
  key: number
  binding: { key: number; enrollment: number; at: number } | undefined
  session:
    | { key: number; answeredAt: number | undefined; missed: number; boot: number; sip: boolean; since: number | undefined }
    | undefined
  heard: { boot: number; at: number; since: number } | undefined
  interruptions: number[]
  boot: number
  sip: boolean
  fileVault: boolean
  report: { sip: boolean; fileVault: boolean; at: number } | undefined
  asked: Asked[]
  attested: Attested | undefined
  appleCache: Attested | undefined
  isRevoked: boolean
  isQuarantined: boolean
  waivedUntil: number | undefined
  waivedFrom: number
  policy: { graceMinutes: number | null; maxAgeMinutes: number }
}

export const newWorld = (): World => ({
  now: 0,
  enrollment: undefined,
  enrollments: 0,
  key: 0,
  binding: undefined,
  session: undefined,
  heard: undefined,
  interruptions: [],
  boot: 1,
  sip: true,
  fileVault: true,
  report: undefined,
  asked: [],
  attested: undefined,
  appleCache: undefined,
  isRevoked: false,
  isQuarantined: false,
  waivedUntil: undefined,
  waivedFrom: 0,
  policy: { graceMinutes: 30, maxAgeMinutes: 24 * 60 },
})

const SEVEN_DAYS = 7 * 24 * 60

export function happen(world: World, event: TrustEvent): void {
  const { enrollment, session } = world
  switch (event.do) {
    case 'enroll':
    case 'enroll-untidily':
      world.enrollments += 1
      world.enrollment = { number: world.enrollments, isEnrolled: true, at: world.now }
      // Records of the enrollment before may still lie about: the decision itself must see that they are of another.
      if (event.do === 'enroll') forget(world)
      return
    case 'check-out':
      if (enrollment !== undefined) enrollment.isEnrolled = false
      forget(world)
      return
    case 'connect':
      world.session = { key: world.key, answeredAt: undefined, missed: 0, boot: world.boot, sip: world.sip, since: undefined }
      answer(world)
      return
    case 'displace':
      // Another socket, with a key of its own that no ticket bound, has answered a challenge.
      if (session !== undefined) session.key = (session.key + 1) % KEYS.length
      return
    case 'disconnect':
      world.session = undefined
      return
    case 'change-key':
      world.key = (world.key + 1) % KEYS.length
      world.session = undefined
      return
    case 'bind':
      if (session !== undefined && enrollment?.isEnrolled === true)
        world.binding = { key: session.key, enrollment: enrollment.number, at: world.now }
      return
    case 'ask':
      if (world.binding !== undefined && enrollment !== undefined)
        world.asked.push({ key: world.binding.key, enrollment: enrollment.number, at: world.now })
      return
    case 'attest':
      attest(world, event)
      return
    case 'report':
      world.report = { sip: world.sip, fileVault: world.fileVault, at: world.now }
      return
    case 'miss':
      if (session !== undefined) session.missed += 1
      return
    case 'stay':
      world.now += event.minutes
      if (session !== undefined && world.heard !== undefined) world.heard.at = world.now
      answer(world)
      return
    case 'silence':
      world.now += event.minutes
      answer(world)
      return
    case 'restart':
      world.boot += 1
      world.sip = event.sip
      world.now += 2
      answer(world)
      return
    case 'file-vault':
      world.fileVault = event.on
      return
    case 'waive':
      world.waivedFrom = world.now
      world.waivedUntil = world.now + event.minutes
      return
    case 'policy':
      world.policy = { graceMinutes: event.graceMinutes, maxAgeMinutes: event.maxAgeMinutes }
      return
    case 'revoke':
      world.isRevoked = true
      return
    case 'quarantine':
      world.isQuarantined = true
      return
    case 'release':
      world.isQuarantined = false
      return
    case 'clock':
      world.now += event.minutes
      return
    default:
      event satisfies never
  }
}

/** A new enrollment, or none any more: keys bound before count for nothing, and evidence came under another number. */
function forget(world: World): void {
  world.binding = undefined
  world.session = undefined
  world.attested = undefined
  world.report = undefined
}

/** The agent answers a challenge, from the boot session that it is in. */
function answer(world: World): void {
  const { session, heard, now } = world
  if (session === undefined) return
  const isUnbroken = heard !== undefined && heard.boot === world.boot && now - heard.at <= 1 && now >= heard.at
  if (!isUnbroken && heard !== undefined) world.interruptions.push(heard.since)
  world.heard = { boot: world.boot, at: now, since: isUnbroken ? heard.since : now }
  Object.assign(session, { answeredAt: now, missed: 0, boot: world.boot, sip: world.sip, since: world.heard.since })
}

/** Apple answers the newest question, or repeats itself: a DeviceInformation attestation is made once in seven days. */
function attest(world: World, { by, fault }: Extract<TrustEvent, { do: 'attest' }>): void {
  if (world.enrollment === undefined) return
  const asked = world.asked.at(-1)
  const cached = world.appleCache
  const isRepeated = by === 'device_information' && cached !== undefined && world.now - cached.madeAt < SEVEN_DAYS && fault === undefined
  const made: Attested = isRepeated
    ? cached
    : {
        by,
        asked,
        madeAt: world.now,
        receivedAt: world.now,
        boot: world.boot,
        sip: world.sip,
        isGood: fault === undefined,
        chain: chainFor(world, { by, asked, fault }),
      }
  if (by === 'device_information' && fault === undefined && !isRepeated) world.appleCache = made
  // What Apple repeats speaks of the boot session in which it came first.
  world.attested = { ...made, receivedAt: world.now }
}

/** Two keys are enough for every mistake about them; making them is slow. */
const KEYS = [spkiOf(p256()), spkiOf(p256())] as const
const attestedKey = spkiOf(p384())
const stranger = createEvaluationAuthority({ now: ago(40 * DAY_MS) })
const identityKey = p384()
const identity = identityCertificate(identityKey, { notBefore: ago(40 * DAY_MS) })
const channelChain = (token: string) =>
  issueAttestation(authority, facts({ leafPublicKeySpki: spkiOf(identityKey), freshness: ascii(token), now: ago(29 * DAY_MS) }))
const ascii = (token: string) => new Uint8Array(createHash('sha256').update(token).digest())
const channels = new Map<number, Uint8Array[]>()

const date = (minute: number) => new Date(NOW.getTime() + minute * 60_000)
const keyOf = (index: number): Uint8Array => KEYS[index % KEYS.length] ?? KEYS[0]
const preimageOf = ({ key, enrollment, at }: Asked) =>
  preimage({ agentKey: keyOf(key), enrollmentId: `enr_${enrollment}`, issuedAt: date(at) })

function chainFor(
  world: World,
  of: { by: Path; asked: Asked | undefined; fault: Extract<TrustEvent, { do: 'attest' }>['fault'] },
): Uint8Array[] {
  const question = of.asked === undefined ? undefined : preimageOf(of.asked)
  const isAcme = (of.by === 'acme_reattestation') !== (of.fault === 'crossed')
  const freshness = question === undefined ? new Uint8Array(32) : isAcme ? ascii(attestationToken(question)) : attestationNonce(question)
  return issueAttestation(of.fault === 'stranger' ? stranger : authority, {
    ...facts({ leafPublicKeySpki: attestedKey, freshness, sip: world.sip ? 0 : 1, now: new Date(date(world.now).getTime() + 1000) }),
    ...(of.fault === 'other-mac' ? { serial: 'OTHER00001' } : {}),
  })
}

export function evidenceOf(world: World): TrustEvidence {
  const { enrollment, session, attested, binding, report } = world
  const standard = trustedEvidence()
  return {
    anchors: standard.anchors,
    mac: {
      ...standard.mac,
      id: MAC,
      serial: SERIAL,
      isRevoked: world.isRevoked,
      quarantine: world.isQuarantined ? { reason: 'CHALLENGE_BAD_SIG', at: NOW } : undefined,
    },
    enrollment: enrollment && {
      id: `enr_${enrollment.number}`,
      isEnrolled: enrollment.isEnrolled,
      kind: 'profile',
      identityKind: 'acme',
      supersededBy: undefined,
      provisioningUdid: UDID,
      accessRights: 8191,
      identitySha256: sha256(identity),
      lastSeenAt: date(Math.min(enrollment.at, world.now)),
    },
    channel: enrollment && {
      ...channelOf(enrollment.number),
      receivedAt: ago(29 * DAY_MS),
      identityCertificate: identity,
      otherUses: [],
      evidenceDigest: sha256(identity),
    },
    device: attested && {
      source: attested.by,
      chain: attested.chain,
      receivedAt: date(attested.receivedAt),
      bootSession: `boot-${attested.boot}`,
      otherUses: [],
      evidenceDigest: sha256(identity),
    },
    noncePreimages: world.asked.map(preimageOf),
    binding: binding && {
      level: 'ticket',
      agentKey: keyOf(binding.key),
      enrollmentId: `enr_${binding.enrollment}`,
      provedAt: date(binding.at),
    },
    securityInfo: report && {
      report: { ...securityReport, systemIntegrityProtectionEnabled: report.sip, fileVaultEnabled: report.fileVault },
      receivedAt: date(report.at),
      evidenceDigest: sha256(identity),
    },
    session: session && {
      agentKey: keyOf(session.key),
      lastAnsweredAt: session.answeredAt === undefined ? undefined : date(session.answeredAt),
      missed: session.missed,
      claims: { ...claims, sipEnabled: session.sip, bootSession: `boot-${session.boot}` },
      continuousSince: session.since === undefined ? undefined : date(session.since),
      earlierInterruptions: world.interruptions.map(date),
    },
    revoked: NOTHING_REVOKED,
  }
}

function channelOf(enrollment: number): { chain: Uint8Array[]; token: string } {
  const token = `token-of-enrollment-${enrollment}`
  const chain = channels.get(enrollment) ?? channelChain(token)
  channels.set(enrollment, chain)
  return { chain, token }
}

const base = Policy.parse({ version: 1, allowEvaluation: true, mdmSilentAfterMs: 30 * DAY_MS, releases: [{ agentVersion: '0.1.0' }] })

export function policyOf({ policy, waivedFrom, waivedUntil }: World): Policy {
  const waiver = {
    id: 'wvr_00000000000000000001',
    code: 'FDE_OFF' as const,
    scope: { kind: 'all' as const },
    why: 'a lab',
    from: date(waivedFrom).toISOString(),
    until: date(waivedUntil ?? 0).toISOString(),
  }
  return {
    ...base,
    maxEvidenceAgeMs: policy.maxAgeMinutes * 60_000,
    bootGap: policy.graceMinutes === null ? { mode: 'refuse' } : { mode: 'grace', graceMs: policy.graceMinutes * 60_000 },
    waivers: waivedUntil === undefined ? [] : [waiver],
  }
}

export const timeOf = (world: World): Date => new Date(date(world.now).getTime() + 2000)
