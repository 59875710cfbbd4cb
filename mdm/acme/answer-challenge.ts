import { fromBase64url, sha256 } from '../bytes.ts'
import type { AcmeOrder, Enrollment, MdmDeps, RawReply } from '../ports.ts'
import { openClientIdentifier } from './new-order.ts'
import { readJson } from './open-request.ts'
import { type AcmeProblem, problemWithReasons } from './problem.ts'
import { jsonReply } from './reply.ts'
import { representChallenge, statusAt } from './represent.ts'
import { acmeUrls } from './urls.ts'

const MAX_ATTESTATION_BYTES = 32 * 1024

/**
 * The device-attest-01 answer `{attObj}`: judged by `deps.verifyAttestation`, told to the fleet, then settled in the store.
 * Repeating it after a lost reply is harmless; a judge or listener that throws leaves the order pending.
 */
export async function answerChallenge(deps: MdmDeps, order: AcmeOrder, payload: Uint8Array): Promise<RawReply> {
  const now = deps.clock.now()
  if (payload.length === 0 || statusAt(order, now) !== 'pending') return challengeReply(deps, order, now)
  const { enrollment } = await openClientIdentifier(deps, order.identifier, now)
  const { purpose } = order
  const attObj = readAttestation(readJson(payload, 'the payload'))
  if (attObj === undefined) return refuse(deps, { order, enrollment, reasons: ['NO_ATTESTATION'], attObj, now })
  const verdict = await deps.verifyAttestation({ attObj, token: order.token, enrollmentId: enrollment.id, purpose })
  if (!verdict.ok) return refuse(deps, { order, enrollment, reasons: verdict.reasons, attObj, now })
  const { id: enrollmentId, macId, serial } = enrollment
  const { spki, evidenceDigest } = verdict
  await deps.events.onAcmeAttested({ enrollmentId, macId, serial, purpose, attObj, token: order.token, spki, evidenceDigest, at: now })
  const clientIdentifierHash = sha256(order.identifier)
  const outcome = await deps.acme.attest({ orderId: order.id, enrollmentId, purpose, clientIdentifierHash, spki, evidenceDigest, at: now })
  if (outcome === 'reused') return refuse(deps, { order, enrollment, reasons: ['CLIENT_ID_REUSED'], attObj, now })
  return challengeReply(deps, (await deps.acme.findOrder(order.id)) ?? order, now)
}

/** Undefined where the Mac had nothing to show (`{}`, `{"error":…}`), as T2 and Intel do, or something that is no base64url. */
function readAttestation(payload: Record<string, unknown>): Uint8Array | undefined {
  const bytes = typeof payload.attObj === 'string' ? fromBase64url(payload.attObj) : undefined
  return bytes !== undefined && bytes.length > 0 && bytes.length <= MAX_ATTESTATION_BYTES ? bytes : undefined
}

type Refusal = { order: AcmeOrder; enrollment: Enrollment; reasons: string[]; attObj: Uint8Array | undefined; now: Date }

async function refuse(deps: MdmDeps, { order, enrollment, reasons, attObj, now }: Refusal): Promise<never> {
  const { id: enrollmentId, macId, serial } = enrollment
  const problem: AcmeProblem = problemWithReasons('badAttestationStatement', 'the attestation is refused', reasons, order.identifier)
  await deps.events.onAcmeRefused({ enrollmentId, macId, serial, purpose: order.purpose, reasons, attObj, at: now })
  await deps.acme.fail(order.id, problem.document)
  throw problem
}

function challengeReply(deps: MdmDeps, order: AcmeOrder, now: Date): RawReply {
  const urls = acmeUrls(deps.publicUrl)
  // RFC 8555 §7.5.1: the challenge names its authorization.
  return jsonReply(200, representChallenge(order, urls, now), { link: `<${urls.authorization(order.id)}>;rel="up"` })
}
