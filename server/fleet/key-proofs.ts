import { createHash, X509Certificate } from 'node:crypto'
import { hex, isEqual } from '#protocol/bytes'
import { MacId } from '#protocol/ids'
import { keyAttestationClientData, p256Point, publishedKeyName } from '#protocol/statements'
import { certificateList, parseCertificateList } from '../../mdm/commands/certificate-list.ts'
import type { Mdm, Reply } from '../../mdm/ports.ts'
import { parseCertificate } from '../attestation/certificate.ts'
import { judgeKeyAttestation } from '../attestation/platform-sso.ts'
import { KEY_BINDING_LEVELS, type KeyBindingLevel, type Policy, policyFor } from '../attestation/policy.ts'
import { known, readProperties } from '../attestation/properties.ts'
import type { TrustAnchors } from '../attestation/roots.ts'
import type { Clock } from '../clock.ts'
import { bindAgentKey, findAgentKey, findOpenPublication, insertPublication, type KeyProof, usePublication } from '../store/agent-keys.ts'
import { findLatestAttestation } from '../store/attestations.ts'
import { appendAudit } from '../store/audit.ts'
import { type Db, type Store, Undo, undoable } from '../store/client.ts'
import { findLivingEnrollment, holdAttested, holdEnrolled, type LivingEnrollment } from '../store/enrollment-lookup.ts'
import { keepEvidence } from '../store/evidence.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { findMac } from '../store/macs.ts'
import type { Appraiser } from './appraise.ts'
import type { LiveSessions } from './live-sessions.ts'
import type { FleetDesk, KeyProofAsk, KeyProofOffer, SessionControl } from './ports.ts'

/**
 * The two levels of key binding above the ticket (DESIGN §4.3). `mdm-signed`: a certificate of the agent's key, under a name that we
 * chose, stands in the Mac's System keychain, where root alone writes, and the Mac's MDM client reports it under its attested identity.
 * `apple`: Apple says that the key itself lives in this Mac's Secure Enclave. Either also binds a key that proved no ticket.
 */
export type KeyProofDeps = {
  store: Store
  clock: Clock
  random: (bytes: number) => Uint8Array
  anchors: TrustAnchors
  policy: () => Policy
  /** What is asked for although no policy demands it. */
  ambition: KeyBindingLevel
  mdm: Pick<Mdm, 'enqueue'>
  live: LiveSessions
  appraiser: Pick<Appraiser, 'appraise'>
  sessions: Pick<SessionControl, 'keyProved'>
}

const NONCE_BYTES = 32
const PUBLICATION_LIFE_MS = 30 * 60_000
/** One that ends sooner is not handed out any more: MDM may take its time. */
const PUBLICATION_LEFT_MS = 5 * 60_000
const LIST_LIFE_MS = 10 * 60_000

const rank = (level: KeyBindingLevel | undefined): number => (level === undefined ? -1 : KEY_BINDING_LEVELS.indexOf(level))

export async function chooseKeyProofs(
  deps: KeyProofDeps,
  session: { mac: MacId; agentKey: Uint8Array; offers: readonly KeyProofOffer[] },
): Promise<KeyProofAsk[]> {
  const { mac, agentKey, offers } = session
  const row = await findMac(deps.store, mac)
  if (row === undefined || row.revokedAt !== null) return []
  const enrollment = await findLivingEnrollment(deps.store, mac)
  if (enrollment === undefined || !isBindable(enrollment)) return []
  const bound = await findAgentKey(deps.store, mac)
  const isOwn = bound?.enrollmentId === enrollment.id && isEqual(bound.spki, agentKey)
  // While the bound key answers for this Mac, nobody else is asked for anything: a serial number is no secret.
  if (bound?.enrollmentId === enrollment.id && !isOwn && deps.live.find(mac)?.isLost === false) return []
  const wanted = wantedLevel(deps, enrollment, row.pool)
  const level = chooseLevel(offers, { wanted, has: isOwn ? bound.proof.level : undefined, enrollment })
  if (level === undefined) return []
  if (level === 'apple') return [{ type: 'attest-key', nonce: deps.random(NONCE_BYTES) }]
  return [{ type: 'publish-key', nonce: await openPublication(deps, mac, enrollment.id) }]
}

/** Of a Mac that another MDM server manages we hear nothing but Apple's word. */
const isBindable = ({ state, kind }: LivingEnrollment): boolean =>
  state === 'enrolled' || (kind === 'external' && state === 'acme_attested')

function wantedLevel(deps: KeyProofDeps, { kind }: LivingEnrollment, pool: string | null): KeyBindingLevel {
  if (kind === 'external') return 'apple'
  const minimum = policyFor(deps.policy(), pool).minimumKeyBinding
  return rank(minimum) > rank(deps.ambition) ? minimum : deps.ambition
}

/** The weakest offer that is strong enough and stronger than what there is. */
function chooseLevel(
  offers: readonly KeyProofOffer[],
  { wanted, has, enrollment }: { wanted: KeyBindingLevel; has: KeyBindingLevel | undefined; enrollment: LivingEnrollment },
): KeyProofOffer | undefined {
  if (rank(has) >= rank(wanted) || wanted === 'ticket') return undefined
  const possible = offers.filter((offer) => rank(offer) > rank(has) && (offer === 'apple' || enrollment.kind !== 'external'))
  const enough = possible.filter((offer) => rank(offer) >= rank(wanted)).toSorted((a, b) => rank(a) - rank(b))
  // Nothing offered is enough: the strongest is still better than what there is.
  return enough[0] ?? possible.toSorted((a, b) => rank(b) - rank(a))[0]
}

/** One name an enrollment at a time, for whichever key turns up under it: the name proves freshness, the keychain proves the Mac. */
async function openPublication(deps: KeyProofDeps, mac: MacId, enrollmentId: string): Promise<Uint8Array> {
  const issuedAt = deps.clock.now()
  const open = await findOpenPublication(deps.store, enrollmentId, issuedAt)
  if (open !== undefined && open.expiresAt.getTime() - issuedAt.getTime() > PUBLICATION_LEFT_MS) return open.nonce
  const nonce = Uint8Array.from(deps.random(NONCE_BYTES))
  const expiresAt = new Date(issuedAt.getTime() + PUBLICATION_LIFE_MS)
  await insertPublication(deps.store, { nonce, enrollmentId, mac, issuedAt, expiresAt })
  await appendMacEvent(deps.store, mac, { type: 'key-publication-requested' }, issuedAt)
  return nonce
}

/** The agent says that its certificate stands in the keychain; whether it does, only the Mac's MDM client can say. */
export async function keyPublished(deps: KeyProofDeps, publication: Parameters<FleetDesk['keyPublished']>[0]): Promise<void> {
  const { mac, agentKey, certificate } = publication
  const enrollment = await findLivingEnrollment(deps.store, mac)
  if (enrollment?.state !== 'enrolled') return
  const open = await findOpenPublication(deps.store, enrollment.id, deps.clock.now())
  const key = open && publishedKey(certificate, publishedKeyName(open.nonce))
  // A certificate that could not count is not worth a question to the Mac.
  if (key === undefined || !isEqual(key, agentKey)) return
  await deps.mdm.enqueue(enrollment.id, certificateList(), { dedupeKey: 'key-publication', ttlMs: LIST_LIFE_MS })
}

/** What the Mac's MDM client lists: the certificate of our name, self-signed by the key that it holds, binds that key. */
export async function certificateListReceived(deps: KeyProofDeps, reply: Reply): Promise<void> {
  const open = await findOpenPublication(deps.store, reply.enrollmentId, reply.at)
  if (open === undefined) return
  const mac = MacId.parse(reply.macId)
  const name = publishedKeyName(open.nonce)
  const keys = parseCertificateList(reply).certificates.flatMap(({ der }) => publishedKey(der, name) ?? [])
  const [key] = keys
  if (key === undefined) return
  // One name, two keys: nobody can say whose word it is.
  const isBound = keys.every((other) => isEqual(other, key)) && (await bindPublished(deps, { reply, mac, key, nonce: open.nonce }))
  if (!isBound) {
    await appendMacEvent(deps.store, mac, { type: 'key-proof-refused', level: 'mdm-signed', reason: 'AGENT_KEY_UNBOUND' }, reply.at)
    return
  }
  deps.sessions.keyProved(mac, key)
  await deps.appraiser.appraise(mac)
}

async function bindPublished(
  deps: KeyProofDeps,
  { reply, mac, key, nonce }: { reply: Reply; mac: MacId; key: Uint8Array; nonce: Uint8Array },
): Promise<boolean> {
  return undoable(deps.store, async (tx) => {
    if (!(await holdEnrolled(tx, reply.enrollmentId))) throw new Undo()
    if (!(await usePublication(tx, nonce, reply.at))) throw new Undo()
    const replyDigest = await keepEvidence(tx, { kind: 'certificate-list-reply', raw: reply.raw, receivedAt: reply.at })
    const signatureDigest = await keepEvidence(tx, { kind: 'mdm-signature', raw: reply.signature, receivedAt: reply.at })
    const proof = { level: 'mdm-signed' as const, replyDigest, signatureDigest }
    await bind(tx, { mac, enrollmentId: reply.enrollmentId, spki: key, provedAt: reply.at, proof }, replyDigest)
  })
}

/** Throws Undo where the key belongs to another Mac. */
async function bind(
  tx: Db,
  key: { mac: MacId; enrollmentId: string; spki: Uint8Array; provedAt: Date; proof: Exclude<KeyProof, { level: 'ticket' }> },
  evidence: Uint8Array,
): Promise<void> {
  if (!(await bindAgentKey(tx, key))) throw new Undo()
  const { level } = key.proof
  const keySha256 = createHash('sha256').update(key.spki).digest('hex')
  await appendMacEvent(tx, key.mac, { type: 'key-bound', keySha256, level }, key.provedAt)
  const detail = { keySha256, level, evidence: hex(evidence) }
  await appendAudit(tx, { type: 'agent-key.proved', subject: key.mac, detail }, { actor: `mac:${key.mac}`, at: key.provedAt })
}

/** The key of a certificate that bears exactly this name, is signed by that very key, and is nothing but the certificate. */
export function publishedKey(der: Uint8Array, name: string): Uint8Array | undefined {
  try {
    const certificate = new X509Certificate(Buffer.from(der))
    if (certificate.raw.length !== der.length || certificate.subject !== `CN=${name}`) return undefined
    const spki = new Uint8Array(certificate.publicKey.export({ format: 'der', type: 'spki' }))
    return p256Point(spki) !== undefined && certificate.verify(certificate.publicKey) ? spki : undefined
  } catch {
    return undefined // whatever OpenSSL will not read
  }
}

/**
 * Level `apple`: true where Apple's word about this very key holds, and the key is bound by it. `isNoted`: whether a refusal for this
 * reason stands in the timeline already, since anybody who knows a serial number can be refused.
 */
export async function keyAttested(
  deps: KeyProofDeps,
  attestation: Parameters<FleetDesk['keyAttested']>[0],
  isNoted: (reason: string) => boolean,
): Promise<boolean> {
  const { mac, agentKey, chain } = attestation
  const receivedAt = deps.clock.now()
  const row = await findMac(deps.store, mac)
  const enrollment = await findLivingEnrollment(deps.store, mac)
  if (row === undefined || row.revokedAt !== null || enrollment === undefined || !isBindable(enrollment)) return false
  const clientData = keyAttestationClientData(attestation)
  const udid = enrollment.provisioningUdid ?? (await attestedUdid(deps.store, enrollment.id))
  const expected = { anchors: deps.anchors, mac, agentKey, serial: row.serial, udid }
  const [finding] = udid === undefined ? [{ code: 'UDID_MISSING' }] : judgeKeyAttestation({ chain, clientData, receivedAt }, expected)
  const isBound = finding === undefined && (await bindAttested(deps, { attestation, clientData, receivedAt, enrollment }))
  if (!isBound) {
    const reason = finding?.code ?? 'AGENT_KEY_UNBOUND'
    if (!isNoted(reason)) await appendMacEvent(deps.store, mac, { type: 'key-proof-refused', level: 'apple', reason }, receivedAt)
    return false
  }
  await deps.appraiser.appraise(mac)
  return true
}

function bindAttested(
  deps: KeyProofDeps,
  about: { attestation: Parameters<FleetDesk['keyAttested']>[0]; clientData: Uint8Array; receivedAt: Date; enrollment: LivingEnrollment },
): Promise<boolean> {
  const { attestation, clientData, receivedAt, enrollment } = about
  const { mac, agentKey: spki, chain } = attestation
  return undoable(deps.store, async (tx) => {
    if (!(await holdAttested(tx, enrollment.id))) throw new Undo()
    const chainDigest = await keepEvidence(tx, { kind: 'platform-sso-chain', raw: toPem(chain), receivedAt })
    const proof = { level: 'apple' as const, chain, clientData, chainDigest }
    await bind(tx, { mac, enrollmentId: enrollment.id, spki, provedAt: receivedAt, proof }, chainDigest)
  })
}

/** Where no channel of ours reports it: as Apple attested it with the identity. */
async function attestedUdid(store: Store, enrollmentId: string): Promise<string | undefined> {
  const [leaf] = (await findLatestAttestation(store, enrollmentId, 'acme'))?.chain ?? []
  const parsed = leaf === undefined ? undefined : parseCertificate(leaf)
  return parsed?.ok === true ? known(readProperties(parsed.certificate).udid) : undefined
}

const toPem = (chain: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(
    Buffer.from(
      chain
        .map(
          (der) =>
            `-----BEGIN CERTIFICATE-----\n${Buffer.from(der)
              .toString('base64')
              .replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
        )
        .join(''),
    ),
  )
