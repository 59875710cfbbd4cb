import { z } from 'zod'

/**
 * Every event of the audit trail. These shapes are stored for ever: add members, never rename or repurpose one.
 * No event holds a secret, a prompt or an answer.
 */
const Id = z.string().min(1).max(200)

export const AuditEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('installation.created'), subject: Id, detail: z.strictObject({ mode: z.string() }) }),
  z.strictObject({ type: z.literal('key.created'), subject: Id, detail: z.strictObject({ name: z.string() }) }),
  z.strictObject({
    type: z.literal('push-certificate.installed'),
    subject: Id,
    /** `replaced`: the SHA-256 of the certificate that stood before. */
    detail: z.strictObject({ topic: z.string(), sha256: z.string(), expiresAt: z.iso.datetime(), replaced: z.string().nullable() }),
  }),
  z.strictObject({
    type: z.literal('push-certificate.topic-changed'),
    subject: Id,
    /** The Macs enrolled under another topic at that moment: no push reaches them any more. */
    detail: z.strictObject({ topic: z.string(), macsLost: z.number().int() }),
  }),
  z.strictObject({
    type: z.literal('push-request.created'),
    subject: Id,
    detail: z.strictObject({ organization: z.string(), email: z.string(), csrSha256: z.string() }),
  }),
  z.strictObject({
    type: z.literal('push-request.signed'),
    subject: Id,
    /** `sha256`: of the property list that Apple is given. */
    detail: z.strictObject({ vendor: z.enum(['own', 'elsewhere', 'mdmcert']), sha256: z.string() }),
  }),
  z.strictObject({ type: z.literal('push-request.sent'), subject: Id, detail: z.strictObject({ host: z.string(), email: z.string() }) }),
  z.strictObject({ type: z.literal('push-request.discarded'), subject: Id, detail: z.strictObject({}) }),
  z.strictObject({
    type: z.literal('alert.raised'),
    subject: Id,
    detail: z.strictObject({ alert: Id, kind: z.string(), severity: z.enum(['info', 'warning', 'critical']), sentence: z.string() }),
  }),
  z.strictObject({ type: z.literal('alert.cleared'), subject: Id, detail: z.strictObject({ alert: Id, kind: z.string() }) }),
  z.strictObject({ type: z.literal('alert.acknowledged'), subject: Id, detail: z.strictObject({ alert: Id, kind: z.string() }) }),
  z.strictObject({
    type: z.literal('mac.restart-requested'),
    subject: Id,
    detail: z.strictObject({ enrollment: Id, notifiesUser: z.boolean() }),
  }),
  z.strictObject({ type: z.literal('mac.lock-requested'), subject: Id, detail: z.strictObject({ enrollment: Id }) }),
  z.strictObject({ type: z.literal('mac.lock-pin-shown'), subject: Id, detail: z.strictObject({ enrollment: Id }) }),
  z.strictObject({ type: z.literal('mac.erase-requested'), subject: Id, detail: z.strictObject({ enrollment: Id }) }),
  z.strictObject({
    type: z.literal('mac.refresh-requested'),
    subject: Id,
    detail: z.strictObject({ enrollment: Id, asksApple: z.boolean() }),
  }),
  z.strictObject({ type: z.literal('mac.invited'), subject: Id, detail: z.strictObject({ enrollment: Id }) }),
  z.strictObject({ type: z.literal('mac.external-profile-exported'), subject: Id, detail: z.strictObject({ enrollment: Id }) }),
  z.strictObject({ type: z.literal('identity.renewal-requested'), subject: Id, detail: z.strictObject({ enrollment: Id }) }),
  z.strictObject({
    type: z.literal('identity.renewed'),
    subject: Id,
    /** `certificate`: SHA-256 (hex). */
    detail: z.strictObject({ enrollment: Id, certificate: z.string() }),
  }),
  z.strictObject({
    type: z.literal('identity.revoked'),
    subject: Id,
    detail: z.strictObject({ enrollment: Id, certificate: z.string(), reason: z.string() }),
  }),
  z.strictObject({ type: z.literal('mac.enrolled'), subject: Id, detail: z.strictObject({ enrollment: Id }) }),
  z.strictObject({ type: z.literal('mac.unenrolled'), subject: Id, detail: z.strictObject({ enrollment: Id }) }),
  z.strictObject({ type: z.literal('mac.revoked'), subject: Id, detail: z.strictObject({}) }),
  z.strictObject({ type: z.literal('mac.quarantined'), subject: Id, detail: z.strictObject({ reason: z.string() }) }),
  z.strictObject({ type: z.literal('mac.released'), subject: Id, detail: z.strictObject({ note: z.string() }) }),
  z.strictObject({ type: z.literal('agent-key.bound'), subject: Id, detail: z.strictObject({ keySha256: z.string(), ticket: Id }) }),
  /** By a proof stronger than a ticket; `evidence`: SHA-256 of it, as it is kept. */
  z.strictObject({
    type: z.literal('agent-key.proved'),
    subject: Id,
    detail: z.strictObject({ keySha256: z.string(), level: z.enum(['mdm-signed', 'apple']), evidence: z.string() }),
  }),
  /** A list with a higher number was learnt from the data directory or from an agent: all that it names is revoked. */
  z.strictObject({
    type: z.literal('revocation-list.adopted'),
    subject: Id,
    detail: z.strictObject({ number: z.number().int(), macs: z.number().int(), apiKeys: z.number().int() }),
  }),
  z.strictObject({
    type: z.literal('verdict.changed'),
    subject: Id,
    detail: z.strictObject({ trust: z.enum(['trusted', 'refused']), reasons: z.array(z.string()), evidenceDigest: z.string().nullable() }),
  }),
  z.strictObject({
    type: z.literal('agent-release.added'),
    subject: Id,
    detail: z.strictObject({ version: z.string(), codeHash: z.string(), package: z.string() }),
  }),
  z.strictObject({
    type: z.literal('agent-release.changed'),
    subject: Id,
    detail: z.strictObject({ version: z.string(), change: z.string() }),
  }),
  z.strictObject({
    type: z.literal('mac.ring-changed'),
    subject: Id,
    detail: z.strictObject({ macs: z.array(Id).max(500), ring: z.string() }),
  }),
  /** Subject: the import, which the Macs' timelines name. `pools`: how many of those added came into which. */
  z.strictObject({
    type: z.literal('inventory.imported'),
    subject: Id,
    detail: z.strictObject({
      added: z.number().int(),
      known: z.number().int(),
      revoked: z.number().int(),
      pools: z.record(z.string(), z.number().int()),
      listSha256: z.string(),
    }),
  }),
  z.strictObject({ type: z.literal('inventory.exported'), subject: Id, detail: z.strictObject({ macs: z.number().int() }) }),
  /** Subject: the certificate's SHA-256. */
  z.strictObject({ type: z.literal('server-trust.anchor-added'), subject: Id, detail: z.strictObject({ name: z.string() }) }),
  z.strictObject({ type: z.literal('server-trust.anchor-removed'), subject: Id, detail: z.strictObject({}) }),
  z.strictObject({
    type: z.literal('profile-signer.installed'),
    subject: Id,
    detail: z.strictObject({ name: z.string(), expiresAt: z.iso.datetime() }),
  }),
  z.strictObject({ type: z.literal('profile-signer.removed'), subject: Id, detail: z.strictObject({}) }),
  z.strictObject({ type: z.literal('apple-business.key-made'), subject: Id, detail: z.strictObject({}) }),
  z.strictObject({
    type: z.literal('apple-business.token-installed'),
    subject: Id,
    detail: z.strictObject({ server: z.string(), organization: z.string().nullable(), expiresAt: z.iso.datetime() }),
  }),
  z.strictObject({
    type: z.literal('apple-business.assigning-changed'),
    subject: Id,
    detail: z.strictObject({ assignsNewMacs: z.boolean() }),
  }),
  z.strictObject({ type: z.literal('apple-business.removed'), subject: Id, detail: z.strictObject({}) }),
  z.strictObject({
    type: z.literal('apple-business.assigned'),
    subject: Id,
    detail: z.strictObject({ profile: z.string(), assigned: z.number().int(), notAssigned: z.number().int() }),
  }),
  z.strictObject({
    type: z.literal('api-key.created'),
    subject: Id,
    detail: z.strictObject({ prefix: z.string(), scopes: z.array(z.string()) }),
  }),
  z.strictObject({ type: z.literal('api-key.revoked'), subject: Id, detail: z.strictObject({ prefix: z.string() }) }),
  z.strictObject({ type: z.literal('session.opened'), subject: Id, detail: z.strictObject({ ip: z.string() }) }),
  z.strictObject({ type: z.literal('session.revoked'), subject: Id, detail: z.strictObject({}) }),
  /** Proved anew, for dangerous actions, that its person is at the keyboard. */
  z.strictObject({ type: z.literal('session.stepped-up'), subject: Id, detail: z.strictObject({ ip: z.string() }) }),
  z.strictObject({ type: z.literal('session.step-up-refused'), subject: Id, detail: z.strictObject({ ip: z.string() }) }),
  /** Subject: the version's number. `digest`: SHA-256 (hex) of the document as canonical JSON. */
  z.strictObject({
    type: z.literal('policy.proposed'),
    subject: Id,
    detail: z.strictObject({
      digest: z.string(),
      base: z.number().int(),
      lowersTrust: z.boolean(),
      reason: z.string(),
      changes: z.array(z.string()),
      moves: z.number().int(),
    }),
  }),
  z.strictObject({
    type: z.literal('policy.approved'),
    subject: Id,
    /** `notBefore`: the approver is the proposer, because no second approver exists; in force after a delay. */
    detail: z.strictObject({
      digest: z.string(),
      alone: z.boolean(),
      notBefore: z.iso.datetime().nullable(),
      reason: z.string().nullable(),
    }),
  }),
  z.strictObject({ type: z.literal('policy.rejected'), subject: Id, detail: z.strictObject({ reason: z.string() }) }),
  z.strictObject({ type: z.literal('policy.withdrawn'), subject: Id, detail: z.strictObject({ reason: z.string().nullable() }) }),
  /** An approval given alone came to nothing; the proposal waits for another. */
  z.strictObject({ type: z.literal('policy.approval-lapsed'), subject: Id, detail: z.strictObject({ reason: z.string() }) }),
  z.strictObject({ type: z.literal('policy.expired'), subject: Id, detail: z.strictObject({ reason: z.string() }) }),
  z.strictObject({
    type: z.literal('policy.in-force'),
    subject: Id,
    detail: z.strictObject({ digest: z.string(), replaced: z.number().int().nullable() }),
  }),
  z.strictObject({
    type: z.literal('mac.pool-changed'),
    subject: Id,
    detail: z.strictObject({ from: z.string().nullable(), to: z.string().nullable(), policyVersion: z.number().int() }),
  }),
  z.strictObject({ type: z.literal('sign-in.refused'), subject: Id, detail: z.strictObject({ ip: z.string() }) }),
  /** Subject: the invitation, until there is an account. */
  z.strictObject({ type: z.literal('user.invited'), subject: Id, detail: z.strictObject({ email: Id, role: z.string() }) }),
  z.strictObject({ type: z.literal('user.invitation-revoked'), subject: Id, detail: z.strictObject({ email: Id }) }),
  z.strictObject({ type: z.literal('user.joined'), subject: Id, detail: z.strictObject({ invitation: Id, role: z.string() }) }),
  z.strictObject({ type: z.literal('user.role-changed'), subject: Id, detail: z.strictObject({ from: z.string(), to: z.string() }) }),
  z.strictObject({
    type: z.literal('user.disabled'),
    subject: Id,
    detail: z.strictObject({ sessionsEnded: z.number(), apiKeysStopped: z.number() }),
  }),
  z.strictObject({ type: z.literal('user.enabled'), subject: Id, detail: z.strictObject({}) }),
  z.strictObject({
    type: z.literal('user.reset-offered'),
    subject: Id,
    detail: z.strictObject({ invitation: Id, removesSecondFactor: z.boolean() }),
  }),
  z.strictObject({
    type: z.literal('user.password-changed'),
    subject: Id,
    detail: z.strictObject({ how: z.enum(['old-password', 'reset-link']), sessionsEnded: z.number() }),
  }),
  z.strictObject({ type: z.literal('user.password-change-refused'), subject: Id, detail: z.strictObject({ ip: z.string() }) }),
  z.strictObject({ type: z.literal('user.second-factor-added'), subject: Id, detail: z.strictObject({}) }),
  z.strictObject({
    type: z.literal('user.second-factor-removed'),
    subject: Id,
    detail: z.strictObject({ how: z.enum(['own', 'reset-link']) }),
  }),
  z.strictObject({ type: z.literal('user.recovery-codes-made'), subject: Id, detail: z.strictObject({ count: z.number() }) }),
  z.strictObject({ type: z.literal('user.recovery-code-used'), subject: Id, detail: z.strictObject({ left: z.number() }) }),
  /** Subject: the role. */
  z.strictObject({ type: z.literal('people.second-factor-rule-changed'), subject: Id, detail: z.strictObject({ isNeeded: z.boolean() }) }),
  z.strictObject({ type: z.literal('sessions.others-ended'), subject: Id, detail: z.strictObject({ count: z.number() }) }),
])
export type AuditEvent = z.infer<typeof AuditEvent>

/** Who acted: a person, an API key, a Mac, or the appliance itself. */
export type Actor = `user:${string}` | `key:${string}` | `mac:${string}` | 'system'
