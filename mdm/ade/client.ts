import type { z } from 'zod'
import { AdeFault, type AdeFaultCode } from './ade-fault.ts'
import { type OAuth1Credentials, oauth1Header } from './oauth1.ts'
import { Account, AssignedProfile, DefinedProfile, DevicePage, type EnrollmentProfile, Session } from './wire.ts'

const APPLE_ENROLLMENT_SERVICE = 'https://mdmenrollment.apple.com'

/** Apple: X-Server-Protocol-Version. 3 is the first that names a device's operating system and family, 8 a migration's deadline. */
const PROTOCOL_VERSION = '8'
/** Apple: POST /server/devices, `limit`. */
export const MAX_PAGE = 1000
const TIMEOUT_MS = 30_000
/** A page of 1,000 devices is about 500 KB. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024

export type AdeClientDeps = {
  /** Apple's, unless a test or a proxy stands in for it. */
  url?: string
  token: OAuth1Credentials
  clock: { now(): Date }
  /** An unguessable word for each OAuth request. */
  nonce: () => string
  userAgent: string
  fetch?: typeof fetch
}

/** Apple's service of Automated Device Enrollment, one method an endpoint. Every method throws an AdeFault and nothing else. */
export interface AdeClient {
  /** GET /account */
  account(): Promise<Account>
  /** POST /server/devices: every device assigned to this server, page by page. Without a cursor, from the beginning. */
  fetchDevices(cursor: string | undefined): Promise<DevicePage>
  /** POST /devices/sync: what changed since the cursor, which is good for seven days. */
  syncDevices(cursor: string): Promise<DevicePage>
  /** POST /profile */
  defineProfile(profile: EnrollmentProfile): Promise<{ uuid: string }>
  /** PUT /profile/devices: the outcome of each serial number, at most 1,000 at once. */
  assignProfile(profileUuid: string, serials: readonly string[]): Promise<Map<string, string>>
  /** DELETE /profile/devices */
  removeProfile(serials: readonly string[]): Promise<Map<string, string>>
}

export function createAdeClient(deps: AdeClientDeps): AdeClient {
  const call = caller(deps)
  const perSerial = async (answer: Promise<z.infer<typeof AssignedProfile>>) => new Map(Object.entries((await answer).devices))
  return {
    account: () => call('GET', '/account', undefined, Account),
    fetchDevices: (cursor) => call('POST', '/server/devices', { limit: MAX_PAGE, ...(cursor === undefined ? {} : { cursor }) }, DevicePage),
    syncDevices: (cursor) => call('POST', '/devices/sync', { limit: MAX_PAGE, cursor }, DevicePage),
    defineProfile: async (profile) => ({
      uuid: (await call('POST', '/profile', { ...profile, devices: [] }, DefinedProfile)).profile_uuid,
    }),
    assignProfile: (profile_uuid, devices) => perSerial(call('PUT', '/profile/devices', { profile_uuid, devices }, AssignedProfile)),
    removeProfile: (devices) => perSerial(call('DELETE', '/profile/devices', { devices }, AssignedProfile)),
  }
}

type Call = <T>(method: string, path: string, body: object | undefined, schema: z.ZodType<T>) => Promise<T>

/** One session, made when it is needed and once more when Apple no longer takes it. */
function caller(deps: AdeClientDeps): Call {
  let session: Promise<string> | undefined
  const open = (): Promise<string> => {
    session ??= openSession(deps).catch((error: unknown) => {
      session = undefined
      throw error
    })
    return session
  }
  return async (method, path, body, schema) => {
    const used = await open()
    let answer = await send(deps, { method, path, body, session: used })
    if (isSessionOver(answer)) {
      session = undefined
      answer = await send(deps, { method, path, body, session: await open() })
    }
    // Apple renews a session by handing out the next one with an answer.
    if (answer.session !== undefined) session = Promise.resolve(answer.session)
    return read(answer, schema)
  }
}

async function openSession(deps: AdeClientDeps): Promise<string> {
  const url = new URL('/session', deps.url ?? APPLE_ENROLLMENT_SERVICE)
  const moment = { timestamp: Math.floor(deps.clock.now().getTime() / 1000), nonce: deps.nonce() }
  const authorization = oauth1Header({ method: 'GET', url, realm: 'ADM' }, deps.token, moment)
  const answer = await exchange(deps, url, { method: 'GET', headers: { authorization } })
  if (answer.status === 401 || (answer.status === 403 && !answer.text.includes('T_C_NOT_SIGNED'))) {
    throw new AdeFault('TOKEN_REJECTED', `Apple does not accept the server token: ${excerpt(answer.text)}`)
  }
  return read(answer, Session).auth_session_token
}

type Answer = { status: number; text: string; session: string | undefined; retryAfterMs: number | undefined }

function send(
  deps: AdeClientDeps,
  { method, path, body, session }: { method: string; path: string; body: object | undefined; session: string },
): Promise<Answer> {
  return exchange(deps, new URL(path, deps.url ?? APPLE_ENROLLMENT_SERVICE), {
    method,
    headers: { 'x-adm-auth-session': session, ...(body === undefined ? {} : { 'content-type': 'application/json;charset=UTF8' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function exchange(deps: AdeClientDeps, url: URL, init: RequestInit & { headers: Record<string, string> }): Promise<Answer> {
  try {
    const response = await (deps.fetch ?? fetch)(url, {
      ...init,
      headers: { ...init.headers, 'user-agent': deps.userAgent, 'x-server-protocol-version': PROTOCOL_VERSION },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const session = response.headers.get('x-adm-auth-session') ?? undefined
    return { status: response.status, text: await boundedText(response), session, retryAfterMs: retryAfter(response) }
  } catch (cause) {
    if (cause instanceof AdeFault) throw cause
    throw new AdeFault('UNREACHABLE', `${url.host} cannot be reached.`, { cause })
  }
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new AdeFault('ANSWER_MALFORMED', 'Apple’s answer is larger than any that it sends.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}

/** Apple answers 401 or 403 for a session that is over; terms that are not signed are 403 as well, and no new session helps. */
const isSessionOver = ({ status, text }: Answer): boolean =>
  status === 401 || (status === 403 && !FAULTS.some(([word]) => word !== 'FORBIDDEN' && text.includes(word)))

/** Apple's own words in an error's body, and ours for them. */
const FAULTS: readonly (readonly [string, AdeFaultCode])[] = [
  ['T_C_NOT_SIGNED', 'TERMS_NOT_SIGNED'],
  ['EXPIRED_CURSOR', 'CURSOR_EXPIRED'],
  ['EXHAUSTED_CURSOR', 'CURSOR_EXHAUSTED'],
  ['INVALID_CURSOR', 'CURSOR_INVALID'],
  ['CURSOR_REQUIRED', 'CURSOR_INVALID'],
  ['PROFILE_NOT_FOUND', 'PROFILE_NOT_FOUND'],
  ['ACCESS_DENIED', 'ACCESS_DENIED'],
  ['FORBIDDEN', 'ACCESS_DENIED'],
]

function read<T>(answer: Answer, schema: z.ZodType<T>): T {
  if (answer.status !== 200 && answer.status !== 201) throw refused(answer)
  let value: unknown
  try {
    value = JSON.parse(answer.text)
  } catch (cause) {
    throw new AdeFault('ANSWER_MALFORMED', 'Apple’s answer is not JSON.', { cause })
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new AdeFault('ANSWER_MALFORMED', 'Apple’s answer is of an unknown shape.', { cause: parsed.error })
  return parsed.data
}

function refused({ status, text, retryAfterMs }: Answer): AdeFault {
  const named = FAULTS.find(([word]) => text.includes(word))
  if (named !== undefined) return new AdeFault(named[1], `Apple answered ${excerpt(text)}.`)
  if (status === 429 || status >= 500) return new AdeFault('BUSY', `Apple answered ${status}.`, { retryAfterMs })
  return new AdeFault(status === 401 ? 'TOKEN_REJECTED' : 'REQUEST_REFUSED', `Apple answered ${status}: ${excerpt(text)}`)
}

/** A few printable characters: the body is somebody else's. */
const excerpt = (text: string): string =>
  text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 120)
