import { z } from 'zod'
import { MacId, RequestId, SessionId } from './ids.ts'
import { EngineErrorCode, Usage } from './inference.ts'
import { isPlainJson } from './plain-text.ts'

/**
 * The agent's WebSocket (`/agent`): control frames are JSON text, data frames are binary (data-frames.ts).
 * A frame of an unknown type is ignored by both sides, so neighbouring versions talk to each other; a known type with a
 * wrong shape closes the socket with 1008.
 *
 * Protocol version, one line per bump:
 *   1  2026-11-21  first version
 *   2  2026-11-21  keys bound at levels mdm-signed and apple; the signed revocation list, held by every agent;
 *                  heartbeats name the coordinator's last nonce
 */
export const PROTOCOL_VERSION = 2

/** Limits; a peer that crosses one is disconnected. */
export const MAX_CONTROL_FRAME_BYTES = 64 * 1024
export const MAX_DATA_FRAME_BYTES = 256 * 1024
/** One sealed request, all its chunks together. */
export const MAX_REQUEST_BYTES = 16 * 1024 * 1024
/** Bytes waiting in one socket's send buffer above which its writer waits. */
export const SEND_HIGH_WATER_BYTES = 1024 * 1024

export const CHALLENGE_INTERVAL_MS = 5 * 60_000
export const CHALLENGE_TIMEOUT_MS = 30_000
export const HEARTBEAT_INTERVAL_MS = 20_000
/** Silence after which a session is closed: three heartbeats. */
export const SILENCE_LIMIT_MS = 60_000

const Base64url = z
  .string()
  .regex(/^[A-Za-z0-9_-]*$/)
  .max(16_384)
const Sha256Hex = z.string().regex(/^[0-9a-f]{64}$/)
const UnixMs = z.number().int().min(0)
const ModelName = z.string().min(1).max(200)

/** Everything an agent says about its Mac and itself, signed as a whole in every challenge answer (DESIGN §4.5). */
export const Claims = z.strictObject({
  agentVersion: z.string().max(64),
  /** `macos`, or `software` for a Mac made of software. */
  platform: z.enum(['macos', 'software']),
  codeHash: Sha256Hex,
  teamId: z.string().max(32).nullable(),
  osVersion: z.string().max(32),
  osBuild: z.string().max(32),
  sipEnabled: z.boolean(),
  secureBoot: z.enum(['full', 'reduced', 'permissive', 'unknown']),
  rdmaEnabled: z.boolean(),
  /** kern.bootsessionuuid. */
  bootSession: z.string().max(64),
  /** SHA-256 of each loaded model's files, by model name. */
  models: z.record(ModelName, Sha256Hex),
  /** Public keys (base64url) of every key configuration now in force, newest first. */
  sealingKeys: z.array(Base64url).max(4),
})
export type Claims = z.infer<typeof Claims>

export const SignedKeyConfig = z.strictObject({
  /** The canonical JSON itself, base64url: what was signed is what is read. */
  config: Base64url,
  /** ECDSA P-256 / SHA-256 by the agent's key over the `key-config` statement, IEEE P1363, base64url. */
  signature: Base64url,
})
export type SignedKeyConfig = z.infer<typeof SignedKeyConfig>

/** 20,000 Macs and 20,000 API keys, in base64url. */
const MAX_REVOCATION_LIST_LENGTH = 3_600_000
/** Of a list's text in one frame; the frame itself has MAX_CONTROL_FRAME_BYTES. */
export const REVOCATION_PAGE_LENGTH = 60_000
export const MAX_REVOCATION_PAGES = MAX_REVOCATION_LIST_LENGTH / REVOCATION_PAGE_LENGTH

/** The numbered list of what is revoked (statements.ts), as canonical JSON, with the installation's Ed25519 signature. */
export const SignedRevocationList = z.strictObject({
  list: z
    .string()
    .regex(/^[A-Za-z0-9_-]*$/)
    .max(MAX_REVOCATION_LIST_LENGTH),
  signature: Base64url,
  /** The key that signed it: SubjectPublicKeyInfo (DER, base64url) of the log key. An agent pins the first that it is told (revocations.ts). */
  key: Base64url.optional(),
  /** A list too long for one frame comes in pages: `list` is then one part of its text, in order (revocations.ts). */
  page: z.strictObject({ index: z.number().int().min(0), of: z.number().int().min(2).max(MAX_REVOCATION_PAGES) }).optional(),
})
export type SignedRevocationList = z.infer<typeof SignedRevocationList>

export const ModelState = z.strictObject({
  name: ModelName,
  state: z.enum(['loading', 'ready', 'failed']),
  /** 0–1 while loading. */
  progress: z.number().min(0).max(1).optional(),
  error: z.string().max(500).optional(),
  contextTokens: z.number().int().min(0).optional(),
})
export type ModelState = z.infer<typeof ModelState>

export const Capacity = z.strictObject({
  /** Requests that can run at once, and those running now. */
  slots: z.number().int().min(0).max(4096),
  active: z.number().int().min(0).max(4096),
  models: z.array(ModelState).max(64),
  thermal: z.enum(['nominal', 'fair', 'serious', 'critical']),
  available: z.boolean(),
})
export type Capacity = z.infer<typeof Capacity>

/** Agent → coordinator. */
export const AgentFrame = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: z.number().int().min(1),
    /** The serial that the agent believes it runs on: a claim, worth nothing until the ticket is proved. */
    serial: z.string().min(1).max(64),
    /** SubjectPublicKeyInfo (DER, base64url) of its Secure Enclave P-256 key. */
    agentKey: Base64url,
    agentVersion: z.string().max(64),
    /** How this agent can have its key bound, beside the ticket. */
    keyBindings: z
      .array(z.enum(['mdm-signed', 'apple']))
      .max(4)
      .optional(),
    /** The number of the newest revocation list that it holds. */
    revocations: z.number().int().min(0).optional(),
  }),
  z.object({
    type: z.literal('challenge-answer'),
    /** The canonical transcript (statements.ts), base64url. */
    transcript: Base64url,
    signature: Base64url,
  }),
  z.object({
    type: z.literal('bind-proof'),
    /** HMAC-SHA256(ticket, bind statement), base64url. */
    proof: Base64url,
  }),
  z.object({
    type: z.literal('key-published'),
    /** The self-signed certificate (DER, base64url) of the agent's key that now stands in the System keychain. */
    certificate: Base64url,
  }),
  z.object({
    type: z.literal('key-attestation'),
    /** Platform SSO: Apple's certificates (DER, base64url), leaf first. */
    chain: z.array(Base64url).min(1).max(5),
  }),
  /** The list that the agent holds, where it is newer than the coordinator's own. */
  z.object({ type: z.literal('revocation-list'), signed: SignedRevocationList }),
  z.object({ type: z.literal('key-config'), keyConfig: SignedKeyConfig }),
  z.object({
    type: z.literal('heartbeat'),
    /** Canonical JSON of a Beat (statements.ts), base64url, signed as the `heartbeat` statement. */
    beat: Base64url,
    signature: Base64url,
  }),
  /** Unsigned news between heartbeats: hints for scheduling, never for trust. */
  z.object({ type: z.literal('capacity'), capacity: Capacity }),
  z.object({ type: z.literal('accepted'), request: RequestId }),
  z.object({ type: z.literal('done'), request: RequestId, usage: Usage }),
  z.object({
    type: z.literal('error'),
    request: RequestId,
    code: EngineErrorCode,
    /** Tokens made before the failure, for the meter. */
    usage: Usage.optional(),
  }),
  z.object({ type: z.literal('drained') }),
])
export type AgentFrame = z.infer<typeof AgentFrame>

/** Coordinator → agent. */
export const CoordinatorFrame = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('challenge'),
    session: SessionId,
    nonce: Base64url,
    at: UnixMs,
    /** SHA-256 (hex) of the previous transcript of this session; null at the first. */
    previous: Sha256Hex.nullable(),
  }),
  /** Asks for the proof that the ticket delivered over this Mac's MDM channel is known here. */
  z.object({ type: z.literal('bind'), session: SessionId, mac: MacId, ticketId: z.string().max(64), nonce: Base64url }),
  /** To be named in the next heartbeat: beats signed ahead of time prove no presence. A challenge's nonce counts as one, too. */
  z.object({ type: z.literal('pulse'), nonce: Base64url }),
  /** Asks for a certificate of the agent's key in the System keychain, named by the nonce; MDM's CertificateList is asked next. */
  z.object({ type: z.literal('publish-key'), session: SessionId, mac: MacId, nonce: Base64url }),
  /** Asks Apple about the agent's own key, through Platform SSO; clientDataHash is SHA-256 of `keyAttestationClientData`. */
  z.object({ type: z.literal('attest-key'), session: SessionId, mac: MacId, nonce: Base64url }),
  /** The newest list; the agent keeps it, and never again takes one with a lower number. */
  z.object({ type: z.literal('revocation-list'), signed: SignedRevocationList }),
  /** The coordinator's list is older than the agent's: it asks for that one. */
  z.object({ type: z.literal('send-revocation-list') }),
  z.object({
    type: z.literal('status'),
    mac: MacId.nullable(),
    trust: z.enum(['trusted', 'refused', 'unknown']),
    reasons: z.array(z.string().max(64)).max(64),
    /** To be named in the next key configuration; only with `trusted`. */
    evidenceDigest: Sha256Hex.nullable(),
  }),
  z.object({
    type: z.literal('request'),
    request: RequestId,
    model: ModelName,
    /** SHA-256 (hex) of the key configuration that the request is sealed to. */
    keyConfig: Sha256Hex,
    /** HPKE encapsulated key, base64url. */
    enc: Base64url,
    sealedAt: UnixMs,
  }),
  z.object({ type: z.literal('cancel'), request: RequestId }),
  /** More ciphertext bytes of this response may be sent: backpressure from the slow reader to the engine. */
  z.object({ type: z.literal('credit'), request: RequestId, bytes: z.number().int().min(1) }),
  z.object({ type: z.literal('desired-models'), models: z.array(ModelName).max(64) }),
  z.object({ type: z.literal('drain'), reason: z.string().max(200) }),
])
export type CoordinatorFrame = z.infer<typeof CoordinatorFrame>

/** Response bytes an agent may have sent but not yet been credited for, per request. */
export const INITIAL_CREDIT_BYTES = 64 * 1024

export type Parsed<Frame> =
  | { ok: true; frame: Frame }
  | { ok: false; reason: 'unknown_type' }
  | { ok: false; reason: 'malformed'; detail: string }

const agentTypes = new Set<string>(AgentFrame.options.map((option) => option.shape.type.value))
const coordinatorTypes = new Set<string>(CoordinatorFrame.options.map((option) => option.shape.type.value))

export const parseAgentFrame = (text: string): Parsed<AgentFrame> => parseFrame(text, agentTypes, AgentFrame)
export const parseCoordinatorFrame = (text: string): Parsed<CoordinatorFrame> => parseFrame(text, coordinatorTypes, CoordinatorFrame)

function parseFrame<Frame>(text: string, types: Set<string>, schema: z.ZodType<Frame>): Parsed<Frame> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, reason: 'malformed', detail: 'not JSON' }
  }
  if (!isPlainJson(text)) return { ok: false, reason: 'malformed', detail: 'a text that cannot be stored' }
  const type = (value as { type?: unknown } | null)?.type
  if (typeof type !== 'string') return { ok: false, reason: 'malformed', detail: 'no type' }
  if (!types.has(type)) return { ok: false, reason: 'unknown_type' }
  const parsed = schema.safeParse(value)
  return parsed.success ? { ok: true, frame: parsed.data } : { ok: false, reason: 'malformed', detail: z.prettifyError(parsed.error) }
}
