import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AdeControl, createControl, saving } from './control.ts'
import { type Answer, type Asked, describeDevices, fetchDevices, refuse, syncDevices } from './devices.ts'
import { createOAuthCheck } from './oauth.ts'
import { assignProfile, defineProfile, disownDevices, findProfile, removeProfile } from './profiles.ts'
import { type AdeState, openAdeState } from './state.ts'

export type AdeService = {
  /** In place of https://mdmenrollment.apple.com. */
  url: string
  control: AdeControl
  close(): Promise<void>
}

/**
 * A stand-in of Apple's Automated Device Enrollment service (mdmenrollment.apple.com): OAuth 1.0a sessions enforced, cursors, profiles,
 * outcomes per serial number. Apple: "Device assignment". With `file` its state outlives the process.
 */
export async function startAdeService(options: { now?: () => Date; port?: number; file?: string } = {}): Promise<AdeService> {
  const now = options.now ?? (() => new Date())
  const { state, save } = openAdeState(options.file, now())
  const service = createAde(state, now)
  const server = createServer((request, response) => {
    void service
      .answer(request)
      .catch((): Answer => refuse(400, 'MALFORMED_REQUEST_BODY'))
      .then(({ status, body, session }: Answer & { session?: string }) => {
        save()
        const more = status === 503 ? { 'retry-after': '1' } : session === undefined ? {} : { 'x-adm-auth-session': session }
        response.writeHead(status, { 'content-type': 'application/json;charset=UTF8', ...more }).end(JSON.stringify(body))
      })
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    control: saving(service.control, save),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const MAX_BODY_BYTES = 4 * 1024 * 1024
const MAX_SESSIONS = 1000

function createAde(state: AdeState, now: () => Date) {
  const checkOAuth = createOAuthCheck(now)
  const sessions = new Set<string>()
  const ended = new Set<string>()
  let refusals = 0

  function openSession(request: IncomingMessage, url: URL): Answer {
    const refusal = checkOAuth({ header: request.headers.authorization, method: request.method ?? '', url }, state.token)
    if (refusal === 'malformed') return refuse(400, 'BAD_REQUEST')
    if (refusal === 'token_expired') return refuse(403, 'ACCESS_DENIED')
    if (refusal !== undefined) return refuse(401, `oauth_problem=${refusal}`)
    if (!state.isTermsSigned) return refuse(403, 'T_C_NOT_SIGNED')
    if (sessions.size >= MAX_SESSIONS) sessions.clear()
    const session = randomBytes(32).toString('base64url')
    sessions.add(session)
    return { status: 200, body: { auth_session_token: session } }
  }

  /** Apple: 401 for a session that has ended, 403 for one that never was. */
  function judgeSession(session: string): Answer | undefined {
    if (ended.has(session)) return refuse(401, 'UNAUTHORIZED')
    if (!sessions.has(session)) return refuse(403, 'FORBIDDEN')
    return state.isTermsSigned ? undefined : refuse(403, 'T_C_NOT_SIGNED')
  }

  async function answer(request: IncomingMessage): Promise<Answer & { session?: string }> {
    if (refusals > 0) {
      refusals--
      return refuse(503, 'SERVICE_UNAVAILABLE')
    }
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`)
    if (request.method === 'GET' && url.pathname === '/session') return openSession(request, url)
    const session = String(request.headers['x-adm-auth-session'] ?? '')
    const refusal = judgeSession(session)
    if (refusal !== undefined) return refusal
    // Apple: without the header, version 1.
    const protocol = Number(request.headers['x-server-protocol-version'] ?? '1')
    if (!Number.isInteger(protocol) || protocol < 1) return refuse(400, 'INVALID_PROTOCOL_VERSION')
    const asked = { state, protocol, now: now(), body: await readBody(request) }
    return { ...route(`${request.method} ${url.pathname}`, url, asked), session }
  }

  return { answer, control: createControl({ state, now, sessions, ended, refuseNext: (count) => (refusals = count) }) }
}

const ROUTES: Record<string, (asked: Asked, url: URL) => Answer> = {
  'GET /account': ({ state }) => ({ status: 200, body: account(state) }),
  'POST /server/devices': fetchDevices,
  'POST /devices/sync': syncDevices,
  'POST /devices': describeDevices,
  'POST /devices/disown': disownDevices,
  'POST /profile': defineProfile,
  'GET /profile': ({ state }, url) => findProfile(state, url.searchParams.get('profile_uuid')),
  'PUT /profile/devices': assignProfile,
  'POST /profile/devices': assignProfile,
  'DELETE /profile/devices': removeProfile,
}

function route(key: string, url: URL, asked: Asked): Answer {
  const handler = Object.hasOwn(ROUTES, key) ? ROUTES[key] : undefined
  return handler === undefined ? refuse(404, 'NOT_FOUND') : handler(asked, url)
}

const account = (state: AdeState) => ({
  server_name: 'Espalier',
  server_uuid: state.serverUuid,
  admin_id: 'admin@evaluation.example',
  facilitator_id: 'admin@evaluation.example',
  org_name: 'Evaluation',
  org_email: 'admin@evaluation.example',
  org_phone: '+41000000000',
  org_address: 'Evaluation 1',
  org_id: '1000000000001',
  org_id_hash: 'e'.repeat(64),
  org_type: 'org',
  org_version: 'v2',
})

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length
    if (length > MAX_BODY_BYTES) throw new RangeError('body too large')
    parts.push(part)
  }
  const value: unknown = length === 0 ? {} : JSON.parse(Buffer.concat(parts).toString())
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object')
  return value as Record<string, unknown>
}
