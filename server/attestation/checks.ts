import { hex } from '#protocol/bytes'
import { describeReason, type Finding, type ReasonCode, type TrustItem } from './reasons.ts'

/** Every check by name, with the item of the trust rules it belongs to and the layer of defence that it is, where it is one. */
const CHECKS = {
  inventory: { item: 1, title: 'In the inventory' },
  standing: { item: 1, title: 'Not revoked, not in quarantine' },
  enrollment: { item: 1, title: 'Enrolled' },
  'trust-root': { item: 1, title: 'Trust root' },
  'device-chain': { item: 1, title: 'Apple’s attestation of the device', layer: 'managed device attestation' },
  'device-serial': { item: 1, title: 'Attested serial number' },
  'device-udid': { item: 1, title: 'Attested device identifier' },
  sip: { item: 1, title: 'System Integrity Protection', layer: 'hardened runtime and SIP' },
  'secure-boot': { item: 1, title: 'Full Security at start' },
  kexts: { item: 1, title: 'No third-party kernel extensions' },
  'os-version': { item: 1, title: 'macOS version' },
  'attested-properties': { item: 1, title: 'Further attested properties' },
  freshness: { item: 1, title: 'Attestation answers our question' },
  'evidence-age': { item: 1, title: 'Age of the attestation' },
  'channel-chain': { item: 2, title: 'Apple’s attestation of the MDM key' },
  'channel-freshness': { item: 2, title: 'MDM key attested for this enrollment' },
  'channel-identity': { item: 2, title: 'MDM key belongs to this Mac' },
  'channel-key': { item: 2, title: 'MDM identity holds the attested key' },
  'not-revoked': { item: 1, title: 'Neither certificate nor key revoked' },
  'not-replayed': { item: 1, title: 'Attestation received from this Mac alone' },
  hardware: { item: 1, title: 'Hardware that Apple attests' },
  'channel-bound': { item: 2, title: 'MDM identity bound to the enrollment' },
  'access-rights': { item: 2, title: 'Rights of the enrollment' },
  'mdm-heard': { item: 2, title: 'Heard over MDM' },
  'key-binding': { item: 3, title: 'Agent’s key bound to this Mac', layer: 'secure enclave' },
  'key-evidence': { item: 3, title: 'Evidence of the binding' },
  'key-committed': { item: 3, title: 'Attestation commits to the agent’s key' },
  release: { item: 4, title: 'Agent’s release', layer: 'binary hash' },
  platform: { item: 4, title: 'Real hardware' },
  rdma: { item: 4, title: 'Remote direct memory access', layer: 'RDMA' },
  sealing: { item: 4, title: 'Requests sealed to this Mac', layer: 'sealing' },
  challenge: { item: 5, title: 'Answers its challenges', layer: 'challenge' },
  boot: { item: 6, title: 'Not restarted since attested' },
  'security-info': { item: 7, title: 'Report of security settings', layer: 'security info' },
  'sip-agrees': { item: 7, title: 'Mac and Apple agree on SIP' },
  'boot-agrees': { item: 7, title: 'Mac and Apple agree on Secure Boot' },
  'os-agrees': { item: 7, title: 'Agent and Apple agree on macOS' },
  filevault: { item: 7, title: 'FileVault' },
  'authenticated-root': { item: 7, title: 'Authenticated system volume' },
  'external-boot': { item: 7, title: 'Start from external media' },
  'remote-desktop': { item: 7, title: 'Remote management' },
  management: { item: 7, title: 'Kind of enrollment' },
} as const satisfies Record<string, { item: TrustItem; title: string; layer?: Layer }>

/** The eight layers of defence; each is at least one check. */
export const LAYERS = [
  'sealing',
  'hardened runtime and SIP',
  'secure enclave',
  'binary hash',
  'challenge',
  'security info',
  'managed device attestation',
  'RDMA',
] as const
export type Layer = (typeof LAYERS)[number]

export type CheckId = keyof typeof CHECKS

/** `unknown`: there is nothing to judge it by, which refuses as much as `fail`. `info`: shown, decides nothing. */
export type Outcome = 'pass' | 'fail' | 'unknown' | 'info' | 'waived'

/** One line of the Mac's page, plain JSON so that it can be stored with its verdict. */
export type Check = {
  id: CheckId
  item: TrustItem
  title: string
  layer: Layer | null
  outcome: Outcome
  reasons: ReasonCode[]
  /** Codes that a waiver keeps from refusing. */
  waived: ReasonCode[]
  /** Codes that are worth knowing and refuse nothing: an attestation that Apple repeated, a grace that runs. */
  notes: ReasonCode[]
  /** What was found, in words; a failing one names the reason. */
  sentence: string
  /** What to do about it; null where nothing need be done. */
  remedy: string | null
  /** Where the evidence comes from. */
  source: string
  /** SHA-256 (hex) of the raw evidence. */
  evidenceDigest: string | null
  observedAt: string | null
  ageMs: number | null
}

export type Source = { name: string; digest: Uint8Array | undefined; observedAt: Date | undefined }

/** A check's answer before waivers: what is wrong, or what is good about it. */
export type Judged = {
  id: CheckId
  source: Source
  findings: readonly Finding[]
  /** Said when nothing is wrong. */
  good: string
  /** Codes to show beside it; they refuse nothing. */
  notes?: readonly ReasonCode[]
  /** How nothing-wrong reads: `pass` unless said otherwise. */
  mood?: 'info'
  /** True where there was nothing to judge: then the findings say what is absent. */
  isAbsent?: boolean
}

export function toCheck(judged: Judged, context: { now: Date; isWaived: (code: ReasonCode) => boolean }): Check {
  const { id, source, findings } = judged
  const { item, title, layer }: { item: TrustItem; title: string; layer?: Layer } = CHECKS[id]
  const standing = findings.filter(({ code }) => !context.isWaived(code))
  const shown = standing.length > 0 ? standing : findings
  return {
    id,
    item,
    title,
    layer: layer ?? null,
    outcome: outcomeOf(judged, standing.length),
    reasons: unique(standing.map(({ code }) => code)),
    waived: unique(findings.filter(({ code }) => context.isWaived(code)).map(({ code }) => code)),
    notes: findings.length === 0 ? [...(judged.notes ?? [])] : [],
    sentence: shown.length === 0 ? judged.good : unique(shown.map(sentenceOf)).join(' '),
    remedy: standing.length === 0 ? null : unique(standing.map(({ code }) => describeReason(code).remedy)).join(' '),
    source: source.name,
    evidenceDigest: source.digest === undefined ? null : hex(source.digest),
    observedAt: source.observedAt?.toISOString() ?? null,
    ageMs: source.observedAt === undefined ? null : Math.max(0, context.now.getTime() - source.observedAt.getTime()),
  }
}

function outcomeOf({ findings, isAbsent, mood }: Judged, standing: number): Outcome {
  if (standing > 0) return isAbsent === true ? 'unknown' : 'fail'
  return findings.length > 0 ? 'waived' : (mood ?? 'pass')
}

function sentenceOf({ code, detail }: Finding): string {
  const { sentence } = describeReason(code)
  return detail === undefined ? sentence : `${sentence.slice(0, -1)} (${detail}).`
}

export const unique = <T>(values: readonly T[]): T[] => [...new Set(values)]
