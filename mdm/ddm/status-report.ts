import { z } from 'zod'

/** A report with every certificate and background task of a Mac is some tens of KiB. */
const MAX_REPORT_BYTES = 256 * 1024
const MAX_DEPTH = 12
const MAX_NODES = 20_000

const Reason = z.object({ Code: z.string().max(256), Description: z.string().max(4096).optional() })
const StatusError = z.object({ StatusItem: z.string().max(256), Reasons: z.array(Reason).max(32).optional() })

/** Apple: StatusReport. Unknown members are passed over. https://developer.apple.com/documentation/devicemanagement/statusreport */
const Report = z.object({
  StatusItems: z.record(z.string().max(256), z.unknown()),
  Errors: z.array(StatusError).max(256).default([]),
  /** The report states everything, not only what has changed. */
  FullReport: z.boolean().default(false),
})

export type StatusValue = string | number | boolean | null | StatusValue[] | StatusItems
/** Status items by the words of their names: `device.identifier.udid` stands at items.device.identifier.udid. */
export type StatusItems = { [word: string]: StatusValue }

export type StatusReport = {
  items: StatusItems
  errors: { item: string; codes: string[] }[]
  isFull: boolean
}

export type ReportFault = 'TOO_LARGE' | 'NOT_JSON' | 'MALFORMED' | 'TOO_DEEP'

/** Never throws: bytes of a device, bounded in size, depth and number of values. */
export function parseStatusReport(bytes: Uint8Array): { ok: true; report: StatusReport } | { ok: false; fault: ReportFault } {
  if (bytes.length > MAX_REPORT_BYTES) return { ok: false, fault: 'TOO_LARGE' }
  const json = readJson(bytes)
  if (json === undefined) return { ok: false, fault: 'NOT_JSON' }
  if (!isBounded(json.value, { nodes: MAX_NODES })) return { ok: false, fault: 'TOO_DEEP' }
  if (!isStorable(json.value)) return { ok: false, fault: 'MALFORMED' }
  const parsed = Report.safeParse(json.value)
  if (!parsed.success) return { ok: false, fault: 'MALFORMED' }
  const { StatusItems, Errors, FullReport } = parsed.data
  const errors = Errors.map((error) => ({ item: error.StatusItem, codes: (error.Reasons ?? []).map((reason) => reason.Code) }))
  // JSON.parse made it, and nothing else than JSON can stand in it.
  return { ok: true, report: { items: StatusItems as StatusItems, errors, isFull: FullReport } }
}

function readJson(bytes: Uint8Array): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) }
  } catch {
    return undefined
  }
}

/** `__proto__` as a name is refused: what is kept is merged member by member. */
function isBounded(value: unknown, left: { nodes: number }, depth = 0): boolean {
  if (--left.nodes < 0 || depth > MAX_DEPTH) return false
  if (typeof value !== 'object' || value === null) return true
  const entries = Object.entries(value)
  return entries.every(([key, member]) => key !== '__proto__' && key.length <= 256 && isBounded(member, left, depth + 1))
}

/** No NUL and no half of a surrogate pair: JSON can spell them, PostgreSQL cannot hold them. */
function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0')
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, member]) => isStorable(key) && isStorable(member))
}

/** The value of a status item by its dotted name. */
export function statusAt(items: StatusItems, name: string): StatusValue | undefined {
  let value: StatusValue | undefined = items
  for (const word of name.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, word)) return undefined
    value = value[word]
  }
  return value
}
