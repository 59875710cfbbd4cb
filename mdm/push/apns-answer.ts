import type { PushResult } from '../ports.ts'

/** What Apple's push service answered one push. */
export type Answer = { httpStatus: number; reason: string; apnsId: string | undefined; retryAfterMs: number | undefined }

/** A longer wish than this is not believed; an administrator would wait for nothing. */
const MAX_RETRY_AFTER_MS = 3600_000

export function readAnswer(headers: Record<string, unknown>, body: string, now: Date): Answer {
  const apnsId = headers['apns-id']
  return {
    httpStatus: Number(headers[':status']),
    reason: readReason(body),
    apnsId: typeof apnsId === 'string' ? apnsId : undefined,
    retryAfterMs: readRetryAfter(headers['retry-after'], now),
  }
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function readRetryAfter(value: unknown, now: Date): number | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now.getTime()
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined
}

function readReason(body: string): string {
  try {
    const { reason } = JSON.parse(body) as { reason?: unknown }
    return typeof reason === 'string' ? reason.slice(0, 64) : ''
  } catch {
    return ''
  }
}

/** Reasons that condemn one token for good. Any other 400 speaks of the request or of the certificate. */
const DEAD_TOKEN = new Set(['BadDeviceToken', 'Unregistered', 'ExpiredToken'])
/** Reasons of a 400 or 413 that speak of one Mac; the next one may fare better. */
const OF_ONE_MAC = new Set(['DeviceTokenNotForTopic', 'MissingDeviceToken', 'PayloadEmpty', 'PayloadTooLarge'])

/**
 * Apple, "Handling notification responses from APNs": every status, as what is to be done about it. `scope` says whether the
 * answer speaks of one Mac, or of everything that would be sent now.
 */
export function toResult({ httpStatus, reason, apnsId, retryAfterMs }: Answer): PushResult {
  const why = reason || `HTTP ${httpStatus}`
  if (httpStatus === 200) return { status: 'delivered', apnsId }
  if (httpStatus === 410) return { status: 'unregistered', reason: why }
  if (httpStatus === 400 && DEAD_TOKEN.has(reason)) return { status: 'unregistered', reason: why }
  // The connection stood idle for too long: nothing was wrong with the push.
  if (httpStatus === 400 && reason === 'IdleTimeout') return { status: 'retry', reason: why, retryAfterMs, scope: 'mac' }
  if (httpStatus === 429) {
    const scope = reason === 'TooManyRequests' ? 'mac' : 'all'
    return { status: 'retry', reason: why, retryAfterMs, scope }
  }
  if (httpStatus >= 500) return { status: 'retry', reason: why, retryAfterMs, scope: 'all' }
  return { status: 'refused', httpStatus, reason: why, scope: OF_ONE_MAC.has(reason) ? 'mac' : 'all' }
}
