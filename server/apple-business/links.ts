import { AdeFault } from '../../mdm/ade/ade-fault.ts'
import { openServerToken } from '../../mdm/ade/server-token.ts'
import { createTokenKey } from '../../mdm/ade/token-key.ts'
import type { Actor } from '../audit/events.ts'
import { AppError } from '../errors.ts'
import { findLink, insertLink, installToken, removeLink } from '../store/apple-business.ts'
import { appendAudit } from '../store/audit.ts'
import { type AppleBusinessDeps, keyName } from './deps.ts'
import { sealToken } from './tokens.ts'

/** Makes the key pair of a new link; its certificate (PEM) is what an administrator uploads to Apple Business. */
export async function createLink(deps: AppleBusinessDeps, by: Actor): Promise<{ link: string; certificatePem: string }> {
  const at = deps.clock.now()
  const key = await createTokenKey({ organization: deps.organization, now: at })
  const link = await deps.store.$transaction(async (tx) => {
    const seal = (id: string): Uint8Array => deps.secrets.seal(keyName(id), key.pkcs8)
    const row = await insertLink(tx, { certificate: key.certificatePem, seal, createdAt: at })
    await appendAudit(tx, { type: 'apple-business.key-made', subject: row.id, detail: {} }, { actor: by, at })
    return row
  })
  return { link: link.id, certificatePem: link.certificate }
}

/**
 * Takes the server token that Apple Business made for this link, and proves it by asking Apple for the account before it is kept.
 * The same way renews it. Throws AppError with Apple's or the file's fault in words.
 */
export async function installServerToken(
  deps: AppleBusinessDeps,
  upload: { link: string; file: Uint8Array; by: Actor },
): Promise<{ server: string; organization: string | null; expiresAt: Date }> {
  const at = deps.clock.now()
  const link = await findLink(deps.store, upload.link)
  if (link === undefined) throw new AppError('not_found', { public: 'There is no such link to Apple Business.' })
  const pkcs8 = deps.secrets.open(keyName(link.id), link.keyEnvelope)
  try {
    const token = openServerToken(upload.file, { pkcs8, certificatePem: link.certificate }, at)
    const account = await (await deps.connect(token)).account()
    const server = { serverName: account.server_name, serverUuid: account.server_uuid, organization: account.org_name ?? null }
    await deps.store.$transaction(async (tx) => {
      await installToken(tx, link.id, { envelope: sealToken(deps.secrets, link.id, token), expiresAt: token.expiresAt, ...server })
      const detail = { server: server.serverName, organization: server.organization, expiresAt: token.expiresAt.toISOString() }
      await appendAudit(tx, { type: 'apple-business.token-installed', subject: link.id, detail }, { actor: upload.by, at })
    })
    return { server: server.serverName, organization: server.organization, expiresAt: token.expiresAt }
  } catch (error) {
    throw error instanceof AdeFault ? asAppError(error) : error
  }
}

/** Forgets key and token. Macs that are enrolled stay so; new ones no longer come by themselves. */
export async function removeAppleBusinessLink(deps: AppleBusinessDeps, which: { link: string; by: Actor }): Promise<void> {
  const at = deps.clock.now()
  const isRemoved = await deps.store.$transaction(async (tx) => {
    if (!(await removeLink(tx, which.link, at))) return false
    await appendAudit(tx, { type: 'apple-business.removed', subject: which.link, detail: {} }, { actor: which.by, at })
    return true
  })
  if (!isRemoved) throw new AppError('not_found', { public: 'There is no such link to Apple Business.' })
}

/** Faults that the administrator can mend are theirs; the rest may pass by itself. */
function asAppError(fault: AdeFault): AppError {
  const isPassing = fault.code === 'BUSY' || fault.code === 'UNREACHABLE'
  const options = { public: `${describeFault(fault.code)} (${fault.code})`, detail: fault.message, cause: fault }
  return new AppError(isPassing ? 'not_ready' : 'invalid_request', options)
}

/** What to do about a fault, in a sentence; shown wherever a link shows one. */
export function describeFault(code: string): string {
  return FAULT_SENTENCES[code as AdeFault['code']] ?? 'Apple’s enrollment service answered in an unexpected way.'
}

const FAULT_SENTENCES: Record<AdeFault['code'], string> = {
  TOKEN_FILE_MALFORMED: 'This is not a server token of Apple Business. Download the .p7m file there and choose it here.',
  TOKEN_FOR_OTHER_KEY:
    'This token was made for another public key. Upload the present public key to Apple Business, then download the token again.',
  TOKEN_INCOMPLETE: 'The server token leaves something out. Download it from Apple Business again.',
  TOKEN_EXPIRED: 'The server token has expired. Renew it in Apple Business and upload the new one.',
  TOKEN_REJECTED: 'Apple does not accept the server token. Somebody may have renewed it in Apple Business: upload the newest one.',
  TERMS_NOT_SIGNED: 'Apple’s terms have changed and must be agreed to: sign in to Apple Business as an administrator and accept them.',
  ACCESS_DENIED: 'Apple denies this server the access. Check the service’s state in Apple Business.',
  CURSOR_INVALID: 'Apple no longer knows how far the list was read. It is read from the beginning.',
  CURSOR_EXPIRED: 'The list was not read for seven days. It is read from the beginning.',
  CURSOR_EXHAUSTED: 'The whole list has been read.',
  PROFILE_NOT_FOUND: 'Apple no longer knows the enrollment profile. It is defined anew.',
  REQUEST_REFUSED: 'Apple refused a request of this appliance.',
  ANSWER_MALFORMED: 'Apple answered in a form that this version does not know. Update the appliance.',
  BUSY: 'Apple’s enrollment service is busy. It is asked again by itself.',
  UNREACHABLE: 'Apple’s enrollment service cannot be reached. Allow the appliance to reach mdmenrollment.apple.com, port 443.',
}
