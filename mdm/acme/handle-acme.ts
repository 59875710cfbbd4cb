import { randomWord, utf8 } from '../bytes.ts'
import type { AcmeAccount, AcmeOrder, MdmDeps, RawReply, RawRequest } from '../ports.ts'
import { answerChallenge } from './answer-challenge.ts'
import { finalize } from './finalize.ts'
import { newAccount } from './new-account.ts'
import { newOrder } from './new-order.ts'
import { openWithAccount } from './open-request.ts'
import { AcmeProblem, problemReply } from './problem.ts'
import { jsonReply } from './reply.ts'
import { representAuthorization, representOrder } from './represent.ts'
import { acmeUrls } from './urls.ts'

const NONCE_TTL_MS = 15 * 60_000

/** One ACME server (RFC 8555 subset, device-attest-01 only) for one installation. Every reply, errors too, carries a fresh nonce. */
export async function handleAcme(deps: MdmDeps, request: RawRequest): Promise<RawReply> {
  const reply = await route(deps, request).catch((error: unknown) => problemReply(toProblem(deps, error)))
  const nonce = randomWord(deps.random, 16)
  const now = deps.clock.now()
  await deps.acme.addNonce(nonce, now, new Date(now.getTime() + NONCE_TTL_MS))
  const index = `<${acmeUrls(deps.publicUrl).directory}>;rel="index"`
  const link = reply.headers.link === undefined ? index : `${reply.headers.link}, ${index}`
  return { ...reply, headers: { ...reply.headers, link, 'replay-nonce': nonce, 'cache-control': 'no-store' } }
}

function toProblem(deps: MdmDeps, error: unknown): AcmeProblem {
  if (error instanceof AcmeProblem) return error
  deps.log?.error({ err: error }, 'an ACME request failed on our side')
  return new AcmeProblem('serverInternal', 'something went wrong on our side; try again')
}

async function route(deps: MdmDeps, request: RawRequest): Promise<RawReply> {
  const [, , resource = '', id, action, ...others] = request.path.split('/')
  if (others.length > 0 || (id === undefined && action !== undefined)) throw notFound()
  if (id === undefined && resource === 'directory') return directory(deps, request)
  if (id === undefined && resource === 'new-nonce') return newNonce(request)
  requireMethod(request, 'POST')
  if (id === undefined && resource === 'new-account') return newAccount(deps, request)
  const { signer, payload } = await openWithAccount(deps, request)
  if (id === undefined) {
    if (resource === 'new-order') return newOrder(deps, signer, payload)
    throw notFound()
  }
  if (resource === 'account' && action === undefined) return accountReply(signer, id)
  return orderResource(deps, {
    order: await ownOrder(deps, signer, id),
    payload,
    name: action === undefined ? resource : `${resource}/${action}`,
  })
}

async function orderResource(
  deps: MdmDeps,
  { order, payload, name }: { order: AcmeOrder; payload: Uint8Array; name: string },
): Promise<RawReply> {
  const urls = acmeUrls(deps.publicUrl)
  const now = deps.clock.now()
  if (name === 'challenge') return answerChallenge(deps, order, payload)
  if (name === 'order/finalize') return finalize(deps, order, payload)
  if (payload.length > 0) throw new AcmeProblem('malformed', 'this resource is read with an empty payload (POST-as-GET)')
  if (name === 'order') return jsonReply(200, representOrder(order, urls, now))
  if (name === 'authz') return jsonReply(200, representAuthorization(order, urls, now))
  if (name === 'certificate' && order.certificate !== undefined) {
    return { status: 200, headers: { 'content-type': 'application/pem-certificate-chain' }, body: utf8(order.certificate) }
  }
  throw notFound()
}

/** An order belongs to one account; to all others it does not exist. */
async function ownOrder(deps: MdmDeps, account: AcmeAccount, id: string): Promise<AcmeOrder> {
  const order = await deps.acme.findOrder(id)
  if (order === undefined || order.accountId !== account.id) throw notFound()
  return order
}

function directory(deps: MdmDeps, request: RawRequest): RawReply {
  requireMethod(request, 'GET')
  const { newNonce, newAccount, newOrder } = acmeUrls(deps.publicUrl)
  return jsonReply(200, { newNonce, newAccount, newOrder, meta: { externalAccountRequired: false } })
}

/** RFC 8555 §7.2: 200 for HEAD, 204 for GET. */
function newNonce(request: RawRequest): RawReply {
  requireMethod(request, 'GET', 'HEAD')
  return { status: request.method === 'HEAD' ? 200 : 204, headers: {}, body: new Uint8Array() }
}

function accountReply(account: AcmeAccount, id: string): RawReply {
  if (account.id !== id) throw new AcmeProblem('unauthorized', 'this is not your account')
  return jsonReply(200, { status: 'valid' })
}

function requireMethod(request: RawRequest, ...allowed: string[]): void {
  if (!allowed.includes(request.method)) {
    throw new AcmeProblem('malformed', `use ${allowed.join(' or ')}`, { status: 405, headers: { allow: allowed.join(', ') } })
  }
}

const notFound = () => new AcmeProblem('malformed', 'there is nothing at this address', { status: 404 })
