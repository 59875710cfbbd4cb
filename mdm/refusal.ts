import { utf8 } from './bytes.ts'
import type { RawReply } from './ports.ts'

/**
 * A refusal with its stable code. It stands under `error`, because a top-level `code` is an order to the Mac
 * (`com.apple.unrecognized.device` makes it unenroll). `message` is for the person who looks at it.
 */
export function refusal(status: number, code: string, message?: string): RawReply {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: utf8(JSON.stringify({ error: { code, ...(message === undefined ? {} : { message }) } })),
  }
}

export const emptyReply = (): RawReply => ({ status: 200, headers: {}, body: new Uint8Array() })
