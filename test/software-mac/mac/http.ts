/** The server is away or overloaded: the same request may succeed later. */
export class ServerAway extends Error {}

export type Reply = { status: number; headers: Headers; body: Uint8Array }

const TIMEOUT_MS = 30_000
const MAX_REPLY_BYTES = 8 * 1024 * 1024

export type Outgoing = {
  url: string | URL
  method: 'GET' | 'HEAD' | 'POST' | 'PUT'
  headers?: Record<string, string>
  body?: Uint8Array | string
  maxReplyBytes?: number
  signal: AbortSignal
}

/** One request. No connection, 429 and 5xx are ServerAway; every other answer is the caller's to judge. */
export async function send(outgoing: Outgoing): Promise<Reply> {
  const { url, method, headers, body, signal } = outgoing
  let reply: Reply
  try {
    const response = await fetch(url, {
      method,
      headers: { 'user-agent': 'MDM/1.0', ...headers },
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      ...(body === undefined ? {} : { body: body as string | Uint8Array<ArrayBuffer> }),
    })
    reply = { status: response.status, headers: response.headers, body: new Uint8Array(await response.arrayBuffer()) }
  } catch (error) {
    signal.throwIfAborted()
    throw new ServerAway(`${new URL(url).host} does not answer`, { cause: error })
  }
  if (reply.body.length > (outgoing.maxReplyBytes ?? MAX_REPLY_BYTES)) throw new RangeError('the reply is too large')
  if (reply.status === 429 || reply.status >= 500) throw new ServerAway(`${new URL(url).host} answered ${reply.status}`)
  return reply
}
