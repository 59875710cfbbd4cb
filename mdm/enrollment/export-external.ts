import { randomUuid, randomWord, sha256 } from '../bytes.ts'
import { writePlistBytes } from '../plist/write-plist.ts'
import type { Mdm, MdmDeps } from '../ports.ts'
import { newCode } from './issue-profile.ts'
import { externalProfile } from './profile.ts'

/** The other MDM server installs it when the Mac is next there. */
const PROFILE_TTL_MS = 7 * 24 * 3600_000
const LINK_CODE_BYTES = 24

/**
 * Unsigned, because MDM servers sign what they install themselves, or change it. What makes it one Mac's is the ClientIdentifier, good
 * once and only together with Apple's word that it is that Mac.
 */
export async function exportExternal(deps: MdmDeps, invitation: Parameters<Mdm['exportExternal']>[0]): ReturnType<Mdm['exportExternal']> {
  const at = deps.clock.now()
  const ttlMs = invitation.ttlMs ?? PROFILE_TTL_MS
  const expiresAt = new Date(at.getTime() + ttlMs)
  const id = randomUuid(deps.random)
  const { code, clientIdentifier } = newCode(deps, { protocol: 'acme', purpose: 'external', token: undefined, ttlMs })
  const { macId, serial } = invitation
  // Nobody learns this link: an external enrollment has none.
  const link = { linkHash: sha256(randomWord(deps.random, LINK_CODE_BYTES)), linkExpiresAt: expiresAt, createdAt: at }
  await deps.enrollments.create({ id, macId, serial, kind: 'external', identityKind: 'acme', ...link })
  if (!(await deps.enrollments.issueProfile({ id, clientIdentifier, accessRights: 0, at }))) {
    throw new Error('a newer invitation of this Mac came in between')
  }
  await deps.events.onProfileIssued({ enrollmentId: id, macId, serial, at })
  return { enrollmentId: id, profile: writePlistBytes(externalProfile(deps, { id, code })), expiresAt }
}
