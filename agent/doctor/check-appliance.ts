import { WebSocket } from 'ws'
import type { Finding } from './finding.ts'

const TIMEOUT_MS = 10_000
/** Certificates, challenges and key configurations all bear times; the protocol allows a minute. */
const MAX_SKEW_MS = 60_000

/** Reaches the appliance as the agent would: HTTP for its health and its clock, then the socket. */
export async function checkAppliance(socketUrl: string, now: () => Date): Promise<Finding[]> {
  const base = socketUrl.replace(/^ws/, 'http').replace(/\/agent$/, '')
  const askedAt = now().getTime()
  const health = await get(`${base}/healthz`)
  if ('fault' in health) return [bad('appliance', `${base} does not answer: ${health.fault}.`), untried('clock'), untried('socket')]
  if (health.status !== 200) {
    return [bad('appliance', `${base}/healthz answers ${health.status}: is this the appliance?`), untried('clock'), untried('socket')]
  }
  const answeredAt = now().getTime()
  return [good('appliance', `${base} answers.`), clock(health.date, (askedAt + answeredAt) / 2), await socket(socketUrl)]
}

const good = (check: string, sentence: string): Finding => ({ check, standing: 'good', sentence })
const bad = (check: string, sentence: string): Finding => ({ check, standing: 'bad', sentence })
const untried = (check: string): Finding => ({ check, standing: 'unknown', sentence: 'Not tried without the appliance.' })

async function get(url: string): Promise<{ status: number; date: string | null } | { fault: string }> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' })
    await response.body?.cancel()
    return { status: response.status, date: response.headers.get('date') }
  } catch (error) {
    const cause = (error as { cause?: { code?: string; message?: string } }).cause
    return { fault: cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : 'unknown') }
  }
}

/** HTTP's Date has whole seconds. */
function clock(date: string | null, atMs: number): Finding {
  const theirs = date === null ? Number.NaN : Date.parse(date)
  if (Number.isNaN(theirs)) return { check: 'clock', standing: 'unknown', sentence: 'The appliance does not tell its time.' }
  const skewMs = Math.abs(theirs - atMs)
  if (skewMs <= MAX_SKEW_MS) return good('clock', `Within ${Math.max(1, Math.round(skewMs / 1000))} s of the appliance’s.`)
  return bad('clock', `${Math.round(skewMs / 1000)} s apart from the appliance’s. Switch on “Set time and date automatically” on both.`)
}

/** Opened and closed without a word: nothing is claimed. */
function socket(url: string): Promise<Finding> {
  return new Promise((resolve) => {
    const opened = new WebSocket(url, { handshakeTimeout: TIMEOUT_MS, perMessageDeflate: false })
    opened.on('open', () => {
      opened.close(1000)
      resolve(good('socket', `${url} opens.`))
    })
    opened.on('error', (error) =>
      resolve(bad('socket', `${url} does not open: ${error.message}. Does a proxy between pass WebSockets on?`)),
    )
  })
}
