import { webcrypto } from 'node:crypto'
import { exportJWK, FlattenedSign } from 'jose'
import type { Mdm, RawReply } from '../ports.ts'

type Answer = { status: number; headers: Record<string, string>; json: Record<string, unknown>; text: string }

/** An ACME client as small as it can be, which a test can also make behave badly. */
export type AcmeClient = {
  nonce(): Promise<string>
  register(): Promise<Answer>
  post(url: string, payload: unknown, override?: { header?: Record<string, unknown>; path?: string }): Promise<Answer>
}

export async function createAcmeClient(mdm: Mdm, publicUrl: string): Promise<AcmeClient> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const jwk = await exportJWK(keys.publicKey)
  let kid: string | undefined
  const ask = (method: string, path: string, body = new Uint8Array()) =>
    mdm.handleAcme({ method, path, headers: { 'content-type': 'application/jose+json' }, body })
  const nonce = async () => (await ask('HEAD', '/acme/new-nonce')).headers['replay-nonce'] ?? ''
  const post: AcmeClient['post'] = async (url, payload, override = {}) => {
    const bytes = payload === '' ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(payload))
    const header = { alg: 'ES256', nonce: await nonce(), url, ...(kid === undefined ? { jwk } : { kid }), ...override.header }
    const jws = await new FlattenedSign(bytes).setProtectedHeader(header).sign(keys.privateKey)
    return toAnswer(await ask('POST', override.path ?? url.slice(publicUrl.length), new TextEncoder().encode(JSON.stringify(jws))))
  }
  return {
    nonce,
    post,
    register: async () => {
      const answer = await post(`${publicUrl}/acme/new-account`, { termsOfServiceAgreed: true })
      kid = answer.headers.location
      return answer
    },
  }
}

function toAnswer(reply: RawReply): Answer {
  const text = new TextDecoder().decode(reply.body)
  const isJson = reply.headers['content-type']?.endsWith('json') === true
  return { status: reply.status, headers: reply.headers, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {}, text }
}
