import type { RawReply } from './ports.ts'

export const plistReply = (body: Uint8Array): RawReply => ({
  status: 200,
  headers: { 'content-type': 'application/xml; charset=UTF-8', 'cache-control': 'no-store' },
  body,
})
