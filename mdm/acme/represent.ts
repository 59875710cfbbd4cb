import type { AcmeOrder, AcmeOrderStatus } from '../ports.ts'
import type { AcmeUrls } from './urls.ts'

/** An order that was not finished in time counts as invalid from then on; nothing has to sweep it. */
export function statusAt(order: AcmeOrder, now: Date): AcmeOrderStatus {
  return order.status !== 'valid' && order.expiresAt <= now ? 'invalid' : order.status
}

const identifier = (order: AcmeOrder) => ({ type: 'permanent-identifier', value: order.identifier })

/** RFC 8555 §7.1.3 */
export function representOrder(order: AcmeOrder, urls: AcmeUrls, now: Date): Record<string, unknown> {
  return {
    status: statusAt(order, now),
    expires: order.expiresAt.toISOString(),
    identifiers: [identifier(order)],
    authorizations: [urls.authorization(order.id)],
    finalize: urls.finalize(order.id),
    ...(order.status === 'valid' ? { certificate: urls.certificate(order.id) } : {}),
    ...(order.problem === undefined ? {} : { error: order.problem }),
  }
}

/** RFC 8555 §7.1.4 */
export function representAuthorization(order: AcmeOrder, urls: AcmeUrls, now: Date): Record<string, unknown> {
  return {
    status: proofStatus(order, now),
    expires: order.expiresAt.toISOString(),
    identifier: identifier(order),
    challenges: [representChallenge(order, urls, now)],
  }
}

/** draft-ietf-acme-device-attest, section "Device Attestation Challenge" */
export function representChallenge(order: AcmeOrder, urls: AcmeUrls, now: Date): Record<string, unknown> {
  return {
    type: 'device-attest-01',
    url: urls.challenge(order.id),
    status: proofStatus(order, now),
    token: order.token,
    ...(order.problem === undefined ? {} : { error: order.problem }),
  }
}

function proofStatus(order: AcmeOrder, now: Date): 'pending' | 'valid' | 'invalid' {
  const status = statusAt(order, now)
  if (status === 'pending' || status === 'invalid') return status
  return 'valid'
}
