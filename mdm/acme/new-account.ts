import { randomWord } from '../bytes.ts'
import type { MdmDeps, RawReply, RawRequest } from '../ports.ts'
import { openWithNewKey, readJson } from './open-request.ts'
import { AcmeProblem } from './problem.ts'
import { jsonReply } from './reply.ts'
import { acmeUrls } from './urls.ts'

/** RFC 8555 §7.3. An account is a key and nothing more: contacts and terms mean nothing to a Mac. Anybody may make one, so they are bounded. */
export async function newAccount(deps: MdmDeps, request: RawRequest): Promise<RawReply> {
  const { signer, payload } = await openWithNewKey(deps, request)
  const { onlyReturnExisting } = readJson(payload, 'the payload')
  const existing = await deps.acme.findAccountByThumbprint(signer.thumbprint)
  if (existing === undefined && onlyReturnExisting === true) throw new AcmeProblem('accountDoesNotExist', 'no account has this key')
  const account = existing ?? (await deps.acme.createAccount({ id: randomWord(deps.random, 16), ...signer }, deps.clock.now()))
  if (account === undefined) throw new AcmeProblem('rateLimited', 'too many new accounts', { headers: { 'retry-after': '60' } })
  return jsonReply(existing === undefined ? 201 : 200, { status: 'valid' }, { location: acmeUrls(deps.publicUrl).account(account.id) })
}
