import { KeyObject, webcrypto } from 'node:crypto'
import { exportJWK } from 'jose'
import { base64url } from '../../../mdm/bytes.ts'
import type { Acme, RawReply } from '../../../mdm/ports.ts'
import { createMemoryPorts } from '../../../mdm/testing/memory-ports.ts'
import { certificateRequest } from '../../../mdm/testing/scep-client.ts'
import { createTestInstallation, PUBLIC_URL } from '../../../mdm/testing/test-installation.ts'
import { readSignedProfile } from '../../../mdm/testing/test-mac.ts'
import { bytesOf, hold, type Input, type Probe, type Target } from '../target.ts'

/**
 * Two kinds of input: a body as it comes (path, body), and a header and a payload that are signed here after they were changed
 * (path, header, payload): what a client does that holds a key and misbehaves.
 */
export const acmeJws: Target = {
  name: 'acme',
  about:
    'ACME: every request is answered, never with a fault of ours; a changed body is believed by nobody; the store is asked for texts that it can hold.',
  shape: 'text',
  words: [
    ...[
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      'null',
      '"alg":"none"',
      '"alg":"HS256"',
      '"alg":"RS256"',
      '"crit":["b64"]',
      '"b64":false',
      '"jwk":{}',
    ],
    ...[
      '"d":"AA"',
      '"__proto__":{}',
      '\\u0000',
      '\\ud800',
      '"kid":',
      '"nonce":',
      '"url":',
      '"kty":"oct","k":"AA"',
      '"kty":"RSA"',
      '"crv":"P-521"',
    ],
  ],
  open: openAcme,
}

const STATUSES = new Set([200, 201, 204, 400, 403, 404, 405, 413, 415, 429])

async function openAcme(): Promise<Probe> {
  const ports = createMemoryPorts()
  const { mdm } = await createTestInstallation({ ...ports, acme: guarded(ports.acme) })
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const jwk = await exportJWK(keys.publicKey)
  const sign = signerOf(keys.privateKey)
  const send = (path: string, body: Uint8Array): Promise<RawReply> =>
    mdm.handleAcme({ method: 'POST', path, headers: { 'content-type': 'application/jose+json' }, body })
  const headerOf = (path: string, more: object) =>
    bytesOf(JSON.stringify({ alg: 'ES256', nonce: NONCE, url: `${PUBLIC_URL}${path}`, ...more }))
  const { code } = await mdm.invite({ macId: 'mac', serial: 'C02FUZZ' })
  const mac = readSignedProfile(
    (await mdm.handleEnroll({ method: 'GET', path: `/enroll/${code}`, headers: {}, body: new Uint8Array() })).body,
  )
  const account =
    (await send('/acme/new-account', await sign(headerOf('/acme/new-account', { jwk }), bytesOf('{}')))).headers.location ?? ''
  const identifiers = [{ type: 'permanent-identifier', value: mac.clientIdentifier }]
  const orderPayload = bytesOf(JSON.stringify({ identifiers }))
  const order = await send('/acme/new-order', await sign(headerOf('/acme/new-order', { kid: account }), orderPayload))
  const id = (order.headers.location ?? '').split('/').at(-1) ?? ''
  const csr = base64url(await certificateRequest(keys, { commonName: mac.commonName }))
  const requests: [string, object, Uint8Array][] = [
    ['/acme/new-account', { jwk }, bytesOf('{"termsOfServiceAgreed":true}')],
    ['/acme/new-account', { jwk: await rsaJwk() }, bytesOf('{}')],
    ['/acme/new-order', { kid: account }, orderPayload],
    [`/acme/order/${id}`, { kid: account }, new Uint8Array()],
    [`/acme/authz/${id}`, { kid: account }, new Uint8Array()],
    [`/acme/challenge/${id}`, { kid: account }, bytesOf('{"attObj":"o2NmbXQ"}')],
    [`/acme/order/${id}/finalize`, { kid: account }, bytesOf(JSON.stringify({ csr }))],
    [`/acme/certificate/${id}`, { kid: account }, new Uint8Array()],
  ]
  const signed = requests.map(([path, more, payload]): Input => [bytesOf(path), headerOf(path, more), payload])
  const bodies = await Promise.all(
    signed.map(
      async ([path, header, payload]): Promise<Input> => [path as Uint8Array, await sign(header as Uint8Array, payload as Uint8Array)],
    ),
  )
  const genuine = new Set(bodies.map(([, body]) => meaningOf(body as Uint8Array)))
  const run = async (input: Input): Promise<string> => {
    const [path = new Uint8Array(), first = new Uint8Array(), payload] = input
    const body = payload === undefined ? first : await sign(first, payload)
    const reply = await send(pathOf(path), body)
    const said = Buffer.from(reply.body).toString()
    const word = `${reply.status} ${/error:(\w+)/.exec(said)?.[1] ?? ''} ${/"detail":"([^"]*)"/.exec(said)?.[1]?.slice(0, 40) ?? ''}`
    hold(`the answer is one of ACME’s (${word})`, STATUSES.has(reply.status))
    if (payload === undefined && (reply.status === 200 || reply.status === 201)) {
      hold('a body that nobody signed is not believed', genuine.has(meaningOf(body)))
    }
    return word
  }
  return { corpus: [...bodies, ...signed], run }
}

/** As an HTTP server lets it through. */
const pathOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('latin1')
    .replace(/[^!-~]/g, '-')

const NONCE = 'AAAAAAAAAAAAAAAAAAAAAA'

/** Nonces that may be used again, so that what lies behind them is reached; and no text that PostgreSQL would refuse. */
function guarded(acme: Acme): Acme {
  const check = (...texts: string[]) =>
    hold(
      'the store is asked for texts that it can hold',
      texts.every((text) => text.isWellFormed() && !text.includes('\0')),
    )
  return {
    ...acme,
    addNonce: async () => {},
    spendNonce: async (nonce) => {
      check(nonce)
      return nonce === NONCE
    },
    findAccount: async (id) => {
      check(id)
      return acme.findAccount(id)
    },
    findOrder: async (id) => {
      check(id)
      return acme.findOrder(id)
    },
  }
}

/** What of a body counts: JSON may be written in many ways, and what was signed is inside. */
function meaningOf(body: Uint8Array): string {
  try {
    const { protected: header, payload, signature } = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>
    return JSON.stringify([header, payload, signature])
  } catch {
    return ''
  }
}

const signerOf =
  (key: webcrypto.CryptoKey) =>
  async (header: Uint8Array, payload: Uint8Array): Promise<Uint8Array> => {
    const encoded = { protected: base64url(header), payload: base64url(payload) }
    const bytes = bytesOf(`${encoded.protected}.${encoded.payload}`)
    const signature = new Uint8Array(await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, new Uint8Array(bytes)))
    return bytesOf(JSON.stringify({ ...encoded, signature: base64url(signature) }))
  }

/** The largest that OpenSSL takes: what does verifying under it cost? */
async function rsaJwk(): Promise<object> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 4096, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' }
  const { publicKey } = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  return KeyObject.from(publicKey).export({ format: 'jwk' })
}
