import { utf8 } from '../bytes.ts'
import type { RawReply } from '../ports.ts'

export function jsonReply(status: number, value: unknown, headers: Record<string, string> = {}): RawReply {
  return { status, headers: { ...headers, 'content-type': 'application/json' }, body: utf8(JSON.stringify(value)) }
}
