import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { writeJson } from '../durable-file.ts'
import type { Attestor } from './attestor.ts'
import type { SecureEnclave } from './secure-enclave.ts'

/**
 * The agent's Platform SSO extension on this Mac: `attestKey` over loopback, found through `platform-sso.json`, which only the Mac's
 * owner reads. It attests the one key that it holds, which is this Mac's agent's, whoever asks (macOS 15.4).
 */
export async function startPlatformSso(deps: { directory: string; enclave: SecureEnclave; attestor: Attestor; signal: AbortSignal }) {
  const file = join(deps.directory, 'platform-sso.json')
  const secret = randomBytes(24).toString('base64url')
  const server = createServer((request, response) => {
    void answer(request, secret, deps)
      .catch(() => ({ status: 503, body: { error: 'Apple is away' } }))
      .then(({ status, body }) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  writeJson(file, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/attest-key`, secret })
  return {
    close() {
      rmSync(file, { force: true })
      server.closeAllConnections()
      server.close()
    },
  }
}

const MAX_BODY_BYTES = 4096
const AGENT_KEY = 'agent-key'

type Answer = { status: number; body: object }

async function answer(request: IncomingMessage, secret: string, deps: Parameters<typeof startPlatformSso>[0]): Promise<Answer> {
  const given = Buffer.from(request.headers.authorization ?? '')
  const wanted = Buffer.from(`Bearer ${secret}`)
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return { status: 401, body: { error: 'not the agent' } }
  const { clientDataHash } = JSON.parse(await readBody(request)) as { clientDataHash: string }
  const hash = new Uint8Array(Buffer.from(clientDataHash, 'base64url'))
  const key = deps.enclave.find(AGENT_KEY)
  if (key === undefined || hash.length !== 32) return { status: 400, body: { error: 'no key, or not a SHA-256' } }
  const chain = await deps.attestor.extensionKey(hash, key.spki, deps.signal)
  if (chain.length === 0) return { status: 404, body: { error: 'this Mac cannot be attested' } }
  return { status: 200, body: { chain: chain.map((der) => Buffer.from(der).toString('base64url')) } }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request as AsyncIterable<Buffer>) {
    text += part.toString()
    if (text.length > MAX_BODY_BYTES) throw new RangeError('body too large')
  }
  return text
}
