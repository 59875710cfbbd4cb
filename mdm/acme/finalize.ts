import { fromBase64url } from '../bytes.ts'
import type { AcmeOrder, AcmePurpose, Enrollment, MdmDeps, RawReply } from '../ports.ts'
import { checkCsr } from './check-csr.ts'
import { issueIdentity } from './issue-identity.ts'
import { awaitsIdentity } from './new-order.ts'
import { readJson } from './open-request.ts'
import { AcmeProblem } from './problem.ts'
import { jsonReply } from './reply.ts'
import { representOrder, statusAt } from './represent.ts'
import { acmeUrls } from './urls.ts'

/** RFC 8555 §7.4. A second finalize, after a lost reply, finds the order valid and changes nothing. */
export async function finalize(deps: MdmDeps, order: AcmeOrder, payload: Uint8Array): Promise<RawReply> {
  const now = deps.clock.now()
  if (order.status === 'valid') return orderReply(deps, order, now)
  if (statusAt(order, now) !== 'ready' || order.attestedSpki === undefined) {
    throw new AcmeProblem('orderNotReady', `the order is ${statusAt(order, now)}`)
  }
  const { purpose, attestedSpki: spki } = order
  const enrollment = await deps.enrollments.find(order.enrollmentId)
  if (enrollment === undefined || !awaitsIdentity(enrollment, purpose)) {
    throw new AcmeProblem('unauthorized', 'this enrollment has ended or moved on')
  }
  await requireAttestedKey(deps, { enrollment, purpose, payload, attestedSpki: spki, now })
  const { id: enrollmentId, serial } = enrollment
  const { pem, ...issued } = await issueIdentity({ ca: deps.ca, spki, enrollmentId, serial, purpose, now, random: deps.random })
  const identity = purpose === 'reattestation' ? undefined : { ...issued, kind: 'acme' as const }
  await deps.acme.issue({ orderId: order.id, enrollmentId, purpose, certificate: pem, identity, at: now })
  // Whoever came first has issued: both are shown what stands in the store.
  return orderReply(deps, (await deps.acme.findOrder(order.id)) ?? order, now)
}

async function requireAttestedKey(
  deps: MdmDeps,
  options: { enrollment: Enrollment; purpose: AcmePurpose; payload: Uint8Array; attestedSpki: Uint8Array; now: Date },
): Promise<void> {
  const { id: enrollmentId, macId, serial } = options.enrollment
  const { csr } = readJson(options.payload, 'the payload')
  const der = typeof csr === 'string' ? fromBase64url(csr) : undefined
  if (der === undefined) throw new AcmeProblem('badCSR', 'csr is not base64url')
  const fault = await checkCsr({ csr: der, attestedSpki: options.attestedSpki, commonName: enrollmentId })
  if (fault === undefined) return
  await deps.events.onAcmeRefused({
    ...{ enrollmentId, macId, serial, purpose: options.purpose, reasons: [fault] },
    ...{ attObj: undefined, at: options.now },
  })
  throw new AcmeProblem('badCSR', fault)
}

function orderReply(deps: MdmDeps, order: AcmeOrder, now: Date): RawReply {
  const urls = acmeUrls(deps.publicUrl)
  return jsonReply(200, representOrder(order, urls, now), { location: urls.order(order.id) })
}
