import { webcrypto } from 'node:crypto'
import { exportJWK } from 'jose'
import { base64url, utf8 } from '../bytes.ts'
import type { Mdm, RawReply } from '../ports.ts'

type Answer = { status: number; headers: Record<string, string>; json: Record<string, unknown>; text: string }

/** An ACME client as small as it can be, which a test can also make behave badly. */
export type AcmeClient = {
  nonce(): Promise<string>
  accountUrl(): string
  register(): Promise<Answer>
  post(url: string, payload: unknown, override?: { header?: Record<string, unknown>; path?: string }): Promise<Answer>
}

export async function createAcmeClient(mdm: Mdm, publicUrl: string): Promise<AcmeClient> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const jwk = await exportJWK(keys.publicKey)
  let kid: string | undefined
  const ask = (method: string, path: string, body: Uint8Array = new Uint8Array()) =>
    mdm.handleAcme({ method, path, headers: { 'content-type': 'application/jose+json' }, body })
  const nonce = async () => (await ask('HEAD', '/acme/new-nonce')).headers['replay-nonce'] ?? ''
  const post: AcmeClient['post'] = async (url, payload, override = {}) => {
    const header = { alg: 'ES256', nonce: await nonce(), url, ...(kid === undefined ? { jwk } : { kid }), ...override.header }
    const encoded = {
      protected: base64url(utf8(JSON.stringify(header))),
      payload: payload === '' ? '' : base64url(utf8(JSON.stringify(payload))),
    }
    const signed = utf8(`${encoded.protected}.${encoded.payload}`)
    const signature = new Uint8Array(
      await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, keys.privateKey, new Uint8Array(signed)),
    )
    const body = utf8(JSON.stringify({ ...encoded, signature: base64url(signature) }))
    return toAnswer(await ask('POST', override.path ?? url.slice(publicUrl.length), body))
  }
  return {
    nonce,
    accountUrl: () => kid ?? '',
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
