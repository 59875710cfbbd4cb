import { randomUuid, randomWord, sha256 } from '../bytes.ts'
import type { Mdm, MdmDeps } from '../ports.ts'

const LINK_TTL_MS = 7 * 24 * 3600_000
const LINK_CODE_BYTES = 24

/** Invites one Mac: a link that only its receiver knows (we keep its hash), good until the first attested identity. */
export async function invite(deps: MdmDeps, invitation: Parameters<Mdm['invite']>[0]): ReturnType<Mdm['invite']> {
  const now = deps.clock.now()
  const code = randomWord(deps.random, LINK_CODE_BYTES)
  const enrollmentId = randomUuid(deps.random)
  const expiresAt = new Date(now.getTime() + (invitation.ttlMs ?? LINK_TTL_MS))
  const { macId, serial, kind = 'profile', identityKind = 'acme' } = invitation
  if (identityKind === 'scep' && deps.scep === undefined) throw new ScepNotOffered()
  const mac = { macId, serial, kind, identityKind }
  await deps.enrollments.create({ id: enrollmentId, ...mac, linkHash: sha256(code), linkExpiresAt: expiresAt, createdAt: now })
  return { enrollmentId, code, url: `${deps.publicUrl}/enroll/${code}`, expiresAt }
}

/** An identity by SCEP was asked for, and SCEP is switched off. */
export class ScepNotOffered extends Error {
  override readonly name = 'ScepNotOffered'
}
