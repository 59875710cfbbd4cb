import { type AdeCursor, type AdeDevice, type AdeState, newCursor, seconds } from './state.ts'

/** An HTTP answer; errors are a JSON string of one word, as Apple's are. */
export type Answer = { status: number; body: unknown }
export const refuse = (status: number, code: string): Answer => ({ status, body: code })
const ok = (body: unknown): Answer => ({ status: 200, body })

/** Apple: cursors of sync are good for seven days. */
const CURSOR_LIFE_MS = 7 * 24 * 3600_000
const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000

export type Asked = { state: AdeState; body: Record<string, unknown>; protocol: number; now: Date }

/** POST /server/devices: a snapshot, page by page; the last page's cursor lists no further and begins a sync. */
export function fetchDevices({ state, body, protocol, now }: Asked): Answer {
  const limit = limitOf(body)
  if (limit === undefined) return refuse(400, 'LIMIT_INVALID')
  const known = body.cursor === undefined ? undefined : cursorOf(state, body.cursor)
  if (body.cursor !== undefined && known === undefined) return refuse(400, 'INVALID_CURSOR')
  if (known !== undefined && now.getTime() - known.at > CURSOR_LIFE_MS) return refuse(400, 'EXPIRED_CURSOR')
  if (known !== undefined && known.listing === undefined) return refuse(400, 'EXHAUSTED_CURSOR')
  const listing = known?.listing ?? { serials: Object.keys(state.devices).sort(), next: 0 }
  const next = listing.next + limit
  const devices = listing.serials.slice(listing.next, next).flatMap((serial) => state.devices[serial] ?? [])
  const isMore = next < listing.serials.length
  const changesSeen = known?.changesSeen ?? state.changes.length
  const cursor = newCursor(state, { at: now.getTime(), changesSeen, ...(isMore ? { listing: { ...listing, next } } : {}) })
  const shown = devices.map((device) => present(device, protocol))
  return ok({ devices: shown, cursor, more_to_follow: isMore, fetched_until: seconds(now) })
}

/** POST /devices/sync: what happened since, in order; one device may come several times. */
export function syncDevices({ state, body, protocol, now }: Asked): Answer {
  const limit = limitOf(body)
  if (limit === undefined) return refuse(400, 'LIMIT_INVALID')
  if (body.cursor === undefined || body.cursor === '') return refuse(400, 'CURSOR_REQUIRED')
  const known = cursorOf(state, body.cursor)
  if (known === undefined || known.listing !== undefined) return refuse(400, 'INVALID_CURSOR')
  if (now.getTime() - known.at > CURSOR_LIFE_MS) return refuse(400, 'EXPIRED_CURSOR')
  const changes = state.changes.slice(known.changesSeen, known.changesSeen + limit)
  const changesSeen = known.changesSeen + changes.length
  const devices = changes.map(({ device, op_type, op_date }) => ({ ...present(device, protocol), op_type, op_date }))
  const cursor = newCursor(state, { at: now.getTime(), changesSeen })
  return ok({ devices, cursor, more_to_follow: changesSeen < state.changes.length, fetched_until: seconds(now) })
}

/** POST /devices: details of named devices. */
export function describeDevices({ state, body, protocol }: Asked): Answer {
  const serials = serialsOf(body)
  if (serials === undefined) return refuse(400, 'DEVICE_ID_REQUIRED')
  const entries = serials.map((serial) => {
    const outcome = outcomeFor(state, serial)
    const device = state.devices[serial]
    return [
      serial,
      device === undefined || outcome !== 'SUCCESS'
        ? { response_status: outcome }
        : { ...present(device, protocol), response_status: outcome },
    ]
  })
  return ok({ devices: Object.fromEntries(entries) })
}

/** SUCCESS; NOT_ACCESSIBLE for what is not this server's; FAILED where Apple fails. */
export function outcomeFor(state: AdeState, serial: string): 'SUCCESS' | 'NOT_ACCESSIBLE' | 'FAILED' {
  if (!Object.hasOwn(state.devices, serial)) return 'NOT_ACCESSIBLE'
  return state.failing.includes(serial) ? 'FAILED' : 'SUCCESS'
}

/** At most a thousand serial numbers at once. */
export function serialsOf(body: Record<string, unknown>): string[] | undefined {
  const { devices } = body
  const isList = Array.isArray(devices) && devices.length > 0 && devices.length <= MAX_LIMIT
  return isList && devices.every((serial) => typeof serial === 'string') ? devices : undefined
}

function limitOf({ limit }: Record<string, unknown>): number | undefined {
  if (limit === undefined) return DEFAULT_LIMIT
  return typeof limit === 'number' && Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT ? limit : undefined
}

const cursorOf = (state: AdeState, name: unknown): AdeCursor | undefined =>
  typeof name === 'string' && Object.hasOwn(state.cursors, name) ? state.cursors[name] : undefined

/** Family and system came with version 2 of the protocol. */
function present(device: AdeDevice, protocol: number): object {
  const { os, device_family, mdm_migration_deadline, ...rest } = device
  const deadline = protocol >= 8 && mdm_migration_deadline !== undefined ? { mdm_migration_deadline } : {}
  return protocol >= 2 ? { ...rest, ...deadline, os, device_family } : rest
}
