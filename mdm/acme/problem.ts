import type { RawReply } from '../ports.ts'

/** RFC 8555 §6.7, and badAttestationStatement of draft-ietf-acme-device-attest; each with the status that we send it under. */
const STATUS = {
  accountDoesNotExist: 400,
  badAttestationStatement: 400,
  badCSR: 400,
  badNonce: 400,
  badPublicKey: 400,
  badSignatureAlgorithm: 400,
  malformed: 400,
  orderNotReady: 403,
  rateLimited: 429,
  rejectedIdentifier: 400,
  serverInternal: 500,
  unauthorized: 403,
  unsupportedIdentifier: 400,
} as const

export type ProblemType = keyof typeof STATUS

export type ProblemDocument = {
  type: string
  detail: string
  status: number
  subproblems?: { type: string; detail: string; identifier: { type: string; value: string } }[]
}

const urn = (type: ProblemType): string => `urn:ietf:params:acme:error:${type}`

/** Thrown by any step of a request; the router turns it into application/problem+json (RFC 7807). */
export class AcmeProblem extends Error {
  readonly document: ProblemDocument
  readonly headers: Record<string, string>

  constructor(type: ProblemType, detail: string, options: { status?: number; headers?: Record<string, string> } = {}) {
    super(detail)
    this.name = 'AcmeProblem'
    this.document = { type: urn(type), detail, status: options.status ?? STATUS[type] }
    this.headers = options.headers ?? {}
  }
}

/** One problem whose reasons are listed as subproblems too (RFC 8555 §6.7.1), each with its stable code as detail. */
export function problemWithReasons(type: ProblemType, detail: string, reasons: string[], identifier: string): AcmeProblem {
  const problem = new AcmeProblem(type, `${detail}: ${reasons.join(', ')}`)
  problem.document.subproblems = reasons.map((reason) => ({
    type: urn(type),
    detail: reason,
    identifier: { type: 'permanent-identifier', value: identifier },
  }))
  return problem
}

export function problemReply(problem: AcmeProblem): RawReply {
  return {
    status: problem.document.status,
    headers: { ...problem.headers, 'content-type': 'application/problem+json' },
    body: new TextEncoder().encode(JSON.stringify(problem.document)),
  }
}
