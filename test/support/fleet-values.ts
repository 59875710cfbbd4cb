import { createHash } from 'node:crypto'
import { type MacId, newId } from '#protocol/ids'
import { AppError } from '../../server/errors.ts'
import type {
  Check,
  EvidenceView,
  FleetReader,
  MacDetail,
  MacList,
  MacListQuery,
  MacSummary,
  Overview,
  TimelineEvent,
  TrustState,
} from '../../server/fleet/views.ts'

/**
 * A fleet made of values, for tests of the console alone: Macs in every state, each with checks, evidence and a timeline.
 * Nothing here is judged; the journeys test the real fleet.
 */
export type FleetValues = FleetReader & { macs: MacDetail[] }

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const sampleDigest = (text: string): string => createHash('sha256').update(text).digest('hex')

export function fleetOfValues(options: { now: Date; count?: number }): FleetValues {
  const macs = Array.from({ length: options.count ?? 8 }, (_, index) => sampleMac(index, options.now))
  const find = (id: MacId) => macs.find((mac) => mac.id === id)
  return {
    macs,
    listMacs: async (query) => listValues(macs, query),
    getMac: async (id) => find(id),
    listEvents: async (id, page) => {
      const mac = find(id)
      if (mac === undefined) throw new AppError('not_found')
      const events = sampleEvents(mac, options.now)
      const start = page.before === undefined ? 0 : Number(page.before)
      return {
        events: events.slice(start, start + page.limit),
        next: start + page.limit < events.length ? String(start + page.limit) : null,
      }
    },
    listVerdicts: async (id) => {
      const verdict = find(id)?.verdict
      return { verdicts: verdict ? [{ ...verdict, id: 'ver_1' }] : [], next: null }
    },
    recentEvents: async (limit) =>
      macs
        .flatMap((mac) => sampleEvents(mac, options.now).slice(0, 2))
        .sort((a, b) => b.at.getTime() - a.at.getTime())
        .slice(0, limit),
    getEvidence: async (digest) => sampleEvidence(digest, options.now),
    exportExternalProfile: async ({ serial }) => {
      const mac = macs.find((one) => one.serial === serial) ?? macs[0]
      if (mac === undefined) throw new AppError('not_found')
      return {
        mac: mac.id,
        profile: new TextEncoder().encode('<plist version="1.0"><dict/></plist>'),
        expiresAt: new Date(options.now.getTime() + HOUR),
      }
    },
    revokeIdentity: async () => ({ revoked: 1 }),
    renewIdentity: async (id) => {
      if (find(id) === undefined) throw new AppError('not_found')
    },
    inviteMac: async ({ serial }) => {
      const known = macs.find((mac) => mac.serial === serial)
      if (known?.trust === 'revoked') throw new AppError('conflict', { public: 'This Mac was revoked.' })
      const mac = known?.id ?? newId<MacId>('mac')
      return { mac, url: 'http://localhost:3200/enroll/7c1e9fb0q2m4x8', expiresAt: new Date(options.now.getTime() + 24 * HOUR) }
    },
    revokeMac: async ({ mac: id }) => {
      const mac = find(id)
      if (mac === undefined) throw new AppError('not_found')
      Object.assign(mac, { trust: 'revoked', revokedAt: options.now, isRoutable: false, isConnected: false, session: null })
    },
    releaseMac: async ({ mac: id }) => {
      const mac = find(id)
      if (mac === undefined) throw new AppError('not_found')
      if (mac.quarantine === null) throw new AppError('conflict', { public: 'This Mac is not in quarantine.' })
      Object.assign(mac, { quarantine: null })
    },
    overview: async () => sampleOverview(macs, options.now),
  }
}

const STATES: TrustState[] = ['trusted', 'trusted', 'refused', 'trusted', 'pending', 'trusted', 'refused', 'revoked']
const REASONS: string[][] = [['SIP_DISABLED', 'BOOT_SESSION_CHANGED'], ['ATTESTATION_STALE']]
const NAMES = ['studio-01', 'studio-02', 'mini-lab-03', 'studio-04', 'reception', 'mini-lab-06', 'render-07', 'old-mini']
const MODELS = ['Mac15,14', 'Mac15,14', 'Mac16,10', 'Mac15,13', 'Mac16,10', 'Mac16,10', 'Mac14,14', 'Mac14,3']

function sampleMac(index: number, now: Date): MacDetail {
  const round = Math.floor(index / 8)
  const slot = index % 8
  const trust = STATES[slot] as TrustState
  const id = `mac_${String(index).padStart(4, '0')}${sampleDigest(`mac ${index}`)
    .replace(/[^0-9a-f]/g, '')
    .slice(0, 16)}` as MacId
  const isEnrolled = trust !== 'pending'
  const isConnected = trust === 'trusted' ? slot !== 5 : slot === 2
  const evidenceAt = isEnrolled ? new Date(now.getTime() - (trust === 'trusted' ? 3 + slot : 200) * HOUR) : null
  const reasons = trust === 'refused' ? (REASONS[slot === 2 ? 0 : 1] as string[]) : []
  const digest = sampleDigest(`evidence ${index}`)
  const summary: MacSummary = {
    id,
    name: `${NAMES[slot]}${round === 0 ? '' : `-${round}`}`,
    serial: `F4K${String(1000 + index)}QX${slot}L`,
    model: isEnrolled ? (MODELS[slot] as string) : null,
    osVersion: isEnrolled ? (slot === 6 ? '14.6.1' : '26.1') : null,
    isSoftware: true,
    trust,
    reasons,
    evidenceAt,
    isConnected,
    isRoutable: trust === 'trusted' && isConnected,
    lastSeenAt: isEnrolled ? new Date(now.getTime() - (isConnected ? 12_000 : 26 * HOUR)) : null,
    models: trust === 'trusted' && isConnected ? ['espalier-demo'] : [],
    slots: isConnected ? 4 : 0,
    active: slot === 0 ? 2 : 0,
    addedAt: new Date(now.getTime() - (40 - slot) * 24 * HOUR),
    pool: slot === 2 ? 'lab' : null,
    waivers: [],
  }
  return {
    ...summary,
    ring: 'all',
    revokedAt: trust === 'revoked' ? new Date(now.getTime() - 9 * 24 * HOUR) : null,
    quarantine: null,
    verdict: isEnrolled
      ? {
          trust: trust === 'trusted' ? 'trusted' : 'refused',
          reasons,
          until: trust === 'trusted' && evidenceAt !== null ? new Date(evidenceAt.getTime() + 24 * HOUR) : null,
          decidedAt: new Date(now.getTime() - 20 * MINUTE),
          policyVersion: 1,
          policyDigest: sampleDigest('policy'),
          waived: [],
          evidenceDigest: digest,
          keyBinding: 'ticket',
          checks: sampleChecks(reasons, digest, evidenceAt as Date, now),
        }
      : null,
    enrollment: {
      id: newId('enr'),
      state: isEnrolled ? 'enrolled' : 'invited',
      createdAt: summary.addedAt,
      linkExpiresAt: new Date(summary.addedAt.getTime() + 24 * HOUR),
      enrolledAt: isEnrolled ? new Date(summary.addedAt.getTime() + 20 * MINUTE) : null,
      lastSeenAt: summary.lastSeenAt,
      udid: isEnrolled ? '5A1C7E52-09D4-4B7B-9E6C-2F0D7C3B1A44' : null,
      provisioningUdid: isEnrolled ? '00008122-001A2D3C0E38801E' : null,
      unreachableAt: null,
    },
    agentKey: isEnrolled ? { sha256: sampleDigest(`key ${index}`), provedAt: new Date(now.getTime() - 30 * 24 * HOUR) } : null,
    session: isConnected
      ? {
          id: newId('ses'),
          openedAt: new Date(now.getTime() - 5 * HOUR),
          agentVersion: '0.1.0',
          isLive: true,
          isDraining: false,
          isAvailable: true,
          thermal: 'nominal',
          slots: 4,
          active: summary.active,
          models: [{ name: 'espalier-demo', state: 'ready', contextTokens: 2048 }],
        }
      : null,
  }
}

function sampleChecks(reasons: string[], digest: string, evidenceAt: Date, now: Date): Check[] {
  const apple = { source: 'Apple attestation (DeviceInformation)', evidenceDigest: digest, observedAt: evidenceAt }
  const acme = { source: 'Apple attestation (ACME)', evidenceDigest: sampleDigest('acme'), observedAt: evidenceAt }
  const agent = { source: 'the agent, signed by its bound key', evidenceDigest: null, observedAt: new Date(now.getTime() - 2 * MINUTE) }
  const mdm = { source: 'MDM SecurityInfo', evidenceDigest: sampleDigest('security info'), observedAt: new Date(now.getTime() - 3 * HOUR) }
  const all: [Check['item'], string, string, string | null, string, typeof apple | typeof agent, string?, string?][] = [
    [1, 'inventory', 'In the inventory', null, 'The serial number is in the inventory.', { ...agent, source: 'the inventory' }],
    [
      1,
      'device-chain',
      'Apple’s attestation of the device',
      'managed device attestation',
      'The chain leads to the evaluation root.',
      apple,
    ],
    [1, 'device-serial', 'Attested serial number', null, 'It is the one enrolled.', apple],
    [1, 'device-udid', 'Attested device identifier', null, 'It is that of this enrollment.', apple],
    [
      1,
      'sip',
      'System Integrity Protection',
      'hardened runtime and SIP',
      'It is on.',
      apple,
      'SIP_DISABLED',
      'System Integrity Protection is off.',
    ],
    [1, 'secure-boot', 'Full Security at start', null, 'The Mac starts with Full Security.', apple],
    [
      1,
      'evidence-age',
      'Age of the attestation',
      null,
      'Younger than 24 hours.',
      apple,
      'ATTESTATION_STALE',
      'The attestation is older than the policy allows.',
    ],
    [2, 'channel-chain', 'Apple’s attestation of the MDM key', null, 'The chain leads to the evaluation root.', acme],
    [2, 'channel-bound', 'MDM identity bound to the enrollment', null, 'It was issued for this enrollment.', acme],
    [3, 'key-binding', 'Agent’s key bound to this Mac', 'secure enclave', 'The key was proved with a ticket sent over MDM.', agent],
    [3, 'key-committed', 'Attestation commits to the agent’s key', null, 'The nonce names the bound key.', apple],
    [4, 'release', 'Agent’s release', 'binary hash', 'Version 0.1.0 is on the allow-list. This is policy, not proof.', agent],
    [4, 'sealing', 'Requests sealed to this Mac', 'sealing', 'A signed key configuration is in force.', agent],
    [4, 'rdma', 'Remote direct memory access', 'RDMA', 'It is off.', agent],
    [5, 'challenge', 'Answers its challenges', 'challenge', 'The last one was answered in time.', agent],
    [
      6,
      'boot',
      'Not restarted since attested',
      null,
      'The boot session is the attested one.',
      agent,
      'BOOT_SESSION_CHANGED',
      'The Mac has restarted since it was attested.',
    ],
    [7, 'security-info', 'Report of security settings', 'security info', 'It is recent and complete.', mdm],
    [7, 'sip-agrees', 'Mac and Apple agree on SIP', null, 'They do.', mdm],
    [7, 'filevault', 'FileVault', null, 'It is off.', mdm, 'FDE_OFF', 'FileVault is off.'],
  ]
  return all.map(([item, id, title, layer, sentence, source, code, refusal]) => {
    const isFailed = code !== undefined && reasons.includes(code)
    const outcome = isFailed ? 'fail' : id === 'filevault' ? 'waived' : 'pass'
    const remedy = isFailed ? 'Refresh the attestation; the Mac must be awake and online.' : null
    return { item, id, title, layer, outcome, sentence: isFailed ? (refusal as string) : sentence, remedy, ...source }
  })
}

function sampleEvents(mac: MacDetail, now: Date): TimelineEvent[] {
  const types: [string, Record<string, unknown>][] = [
    ['verdict', { trust: mac.trust === 'trusted' ? 'trusted' : 'refused', reasons: mac.reasons }],
    ['attestation-received', { evidence: sampleDigest(`evidence ${mac.id}`) }],
    ['attestation-requested', {}],
    ['key-bound', { keySha256: sampleDigest('key') }],
    ['agent-connected', {}],
    ['ticket-delivered', {}],
    ['security-info-received', { evidence: sampleDigest('security info') }],
    ['enrolled', {}],
    ['authenticated', {}],
    ['acme-attested', {}],
    ['profile-issued', {}],
    ['invited', { by: 'user:usr_0' }],
  ]
  const kept = mac.trust === 'pending' ? types.slice(-1) : types
  const offset = Number.parseInt(mac.id.slice(4, 8), 10) * 7
  return kept.map(([type, detail], index) => ({
    id: `evt_${mac.id.slice(4, 8)}${String(index).padStart(12, '0')}`,
    at: new Date(now.getTime() - (offset + 20 + index * 3) * MINUTE),
    mac: { id: mac.id, name: mac.name },
    type,
    detail,
  }))
}

function sampleEvidence(digest: string, now: Date): EvidenceView {
  const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.from(digest.repeat(6))
    .toString('base64')
    .replace(/(.{64})/g, '$1\n')}\n-----END CERTIFICATE-----`
  const certificate = (subject: string, issuer: string, days: number) => ({
    subject,
    issuer,
    serialNumber: '01989f2a6e31',
    notBefore: new Date(now.getTime() - 3 * HOUR),
    notAfter: new Date(now.getTime() + days * 24 * HOUR),
    algorithm: 'ECDSA P-384, SHA-384',
    sha256: sampleDigest(subject),
    pem,
  })
  return {
    digest,
    kind: 'device-information-reply',
    receivedAt: new Date(now.getTime() - 3 * HOUR),
    sizeBytes: 2114,
    raw: Buffer.from(digest.repeat(20)).toString('base64'),
    properties: [
      { name: 'Serial number', value: 'F4K1000QX0L', source: '1.2.840.113635.100.8.9.1' },
      { name: 'Provisioning UDID', value: '00008122-001A2D3C0E38801E', source: '1.2.840.113635.100.8.9.2' },
      { name: 'System Integrity Protection', value: 'on', source: '1.2.840.113635.100.8.13.1' },
      { name: 'Secure Boot', value: 'full', source: '1.2.840.113635.100.8.13.2' },
      { name: 'Third-party kernel extensions', value: 'not allowed', source: '1.2.840.113635.100.8.13.3' },
      { name: 'macOS', value: '26.1', source: '1.2.840.113635.100.8.10.1' },
      { name: 'Freshness code', value: sampleDigest('nonce'), source: '1.2.840.113635.100.8.11.1' },
    ],
    certificates: [
      certificate('CN=9c41d3…, OU=Evaluation', 'CN=Evaluation Attestation Sub CA 1', 91),
      certificate('CN=Evaluation Attestation Sub CA 1', 'CN=Evaluation Attestation Root CA', 3650),
    ],
  }
}

function listValues(macs: MacDetail[], query: MacListQuery): MacList {
  const needle = query.search.toLowerCase()
  const found = macs.filter(
    (mac) =>
      [mac.name, mac.serial, mac.id, mac.model].some((text) => text?.toLowerCase().includes(needle)) &&
      (query.connection === undefined || mac.isConnected === (query.connection === 'connected')),
  )
  const rows = found.filter((mac) => query.trust === undefined || mac.trust === query.trust)
  const sign = query.direction === 'asc' ? 1 : -1
  const keyOf = (mac: MacDetail): string => {
    const value = mac[query.sort]
    return value instanceof Date ? value.toISOString() : (value ?? '')
  }
  rows.sort((a, b) => sign * keyOf(a).localeCompare(keyOf(b)))
  const start = (query.page - 1) * query.pageSize
  return { rows: rows.slice(start, start + query.pageSize), total: rows.length, counts: countStates(found) }
}

function countStates(macs: MacDetail[]): Record<TrustState, number> {
  const counts = { trusted: 0, refused: 0, pending: 0, revoked: 0 }
  for (const mac of macs) counts[mac.trust]++
  return counts
}

function sampleOverview(macs: MacDetail[], now: Date): Overview {
  const routable = macs.filter((mac) => mac.isRoutable)
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)
  const slots = sum(routable.map((mac) => mac.slots))
  const active = sum(routable.map((mac) => mac.active))
  const minutes = Array.from({ length: 60 }, (_, index) => ({
    at: new Date(Math.floor(now.getTime() / MINUTE) * MINUTE - (59 - index) * MINUTE),
    completed: Math.round(9 + 6 * Math.sin(index / 6) + ((index * 7) % 5)),
    failed: index === 41 ? 2 : 0,
  }))
  const completed = sum(minutes.map((minute) => minute.completed))
  return {
    macs: countStates(macs),
    connected: macs.filter((mac) => mac.isConnected).length,
    routable: routable.length,
    slots,
    active,
    models: routable.length === 0 ? [] : [{ name: 'espalier-demo', macs: routable.length, slots, active }],
    waivers: { inForce: 0, macs: 0, nextEnd: null },
    lastHour: {
      total: completed + 5,
      completed,
      failed: 2,
      cancelled: 3,
      promptTokens: 48_210,
      completionTokens: 131_904,
      medianFirstContentMs: 184,
      minutes,
    },
  }
}
