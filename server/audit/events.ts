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
  z.strictObject({ type: z.literal('mac.invited'), subject: Id, detail: z.strictObject({ enrollment: Id }) }),
  z.strictObject({ type: z.literal('mac.enrolled'), subject: Id, detail: z.strictObject({ enrollment: Id }) }),
  z.strictObject({ type: z.literal('mac.unenrolled'), subject: Id, detail: z.strictObject({ enrollment: Id }) }),
  z.strictObject({ type: z.literal('mac.revoked'), subject: Id, detail: z.strictObject({}) }),
  z.strictObject({ type: z.literal('mac.quarantined'), subject: Id, detail: z.strictObject({ reason: z.string() }) }),
  z.strictObject({ type: z.literal('mac.released'), subject: Id, detail: z.strictObject({}) }),
  z.strictObject({ type: z.literal('agent-key.bound'), subject: Id, detail: z.strictObject({ keySha256: z.string(), ticket: Id }) }),
  z.strictObject({
    type: z.literal('verdict.changed'),
    subject: Id,
    detail: z.strictObject({ trust: z.enum(['trusted', 'refused']), reasons: z.array(z.string()), evidenceDigest: z.string().nullable() }),
  }),
  z.strictObject({
    type: z.literal('api-key.created'),
    subject: Id,
    detail: z.strictObject({ prefix: z.string(), scopes: z.array(z.string()) }),
  }),
  z.strictObject({ type: z.literal('api-key.revoked'), subject: Id, detail: z.strictObject({ prefix: z.string() }) }),
  z.strictObject({ type: z.literal('session.opened'), subject: Id, detail: z.strictObject({ ip: z.string() }) }),
  z.strictObject({ type: z.literal('session.revoked'), subject: Id, detail: z.strictObject({}) }),
  z.strictObject({ type: z.literal('sign-in.refused'), subject: Id, detail: z.strictObject({ ip: z.string() }) }),
])
export type AuditEvent = z.infer<typeof AuditEvent>

/** Who acted: a person, an API key, a Mac, or the appliance itself. */
export type Actor = `user:${string}` | `key:${string}` | `mac:${string}` | 'system'
