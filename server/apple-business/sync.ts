import { AdeFault } from '../../mdm/ade/ade-fault.ts'
import type { AdeClient } from '../../mdm/ade/client.ts'
import type { Device, DevicePage } from '../../mdm/ade/wire.ts'
import {
  type AppleBusinessLinkRow,
  dropDevices,
  dropDevicesUnseenSince,
  listLinks,
  type SeenDevice,
  seeDevices,
  updateLink,
} from '../store/apple-business.ts'
import type { Db } from '../store/client.ts'
import { ensureMacs } from '../store/macs.ts'
import { assignProfiles } from './assign.ts'
import type { AppleBusinessDeps } from './deps.ts'
import { openToken } from './tokens.ts'

/** 20,000 devices; what is left comes in the next round. */
const MAX_PAGES_A_ROUND = 20

/** One round over every link: the list brought up to date, profiles assigned. A link's fault is its own, and stands beside it. */
export async function syncAppleBusiness(deps: AppleBusinessDeps): Promise<void> {
  for (const link of await listLinks(deps.store)) await syncLink(deps, link)
}

/** Throws nothing but what is our own fault; Apple's answers are kept as the link's `fault`. */
export async function syncLink(deps: AppleBusinessDeps, link: AppleBusinessLinkRow): Promise<void> {
  const token = openToken(deps.secrets, link)
  if (token === undefined) return
  try {
    if (token.expiresAt <= deps.clock.now()) throw new AdeFault('TOKEN_EXPIRED', 'The server token has expired.')
    const client = await deps.connect(token)
    const read = await readDevices(deps, link, client)
    await assignProfiles(deps, { ...link, ...read }, client)
    await updateLink(deps.store, link.id, { syncedAt: deps.clock.now(), fault: null })
  } catch (error) {
    if (!(error instanceof AdeFault)) throw error
    await updateLink(deps.store, link.id, { fault: error.code })
  }
}

type Place = Pick<AppleBusinessLinkRow, 'cursor' | 'isFetching' | 'fetchStartedAt'>

/** Reads on from where the last round ended; each page is kept together with the cursor behind it. */
async function readDevices(deps: AppleBusinessDeps, link: AppleBusinessLinkRow, client: AdeClient): Promise<Place> {
  let place: Place = link
  for (let pages = 0; pages < MAX_PAGES_A_ROUND; pages++) {
    const next = await readPage(deps, link.id, place, client)
    place = next.place
    if (!next.hasMore) break
  }
  return place
}

async function readPage(
  deps: AppleBusinessDeps,
  link: string,
  place: Place,
  client: AdeClient,
): Promise<{ place: Place; hasMore: boolean }> {
  const at = deps.clock.now()
  const started: Place = place.isFetching && place.cursor === null ? { ...place, fetchStartedAt: at } : place
  const page = await ask(client, started)
  if (page === 'from-the-beginning') {
    const anew: Place = { cursor: null, isFetching: true, fetchStartedAt: null }
    await updateLink(deps.store, link, anew)
    return { place: anew, hasMore: true }
  }
  const isLast = page === 'exhausted' || !page.more_to_follow
  const cursor = page === 'exhausted' ? started.cursor : page.cursor
  const next: Place = { ...started, cursor, isFetching: started.isFetching && !isLast }
  await deps.store.$transaction(async (tx) => {
    if (page !== 'exhausted') await keepPage(tx, link, page.devices, at)
    if (started.isFetching && isLast && started.fetchStartedAt !== null) {
      await dropDevicesUnseenSince(tx, link, started.fetchStartedAt, at)
    }
    await updateLink(tx, link, next)
  })
  return { place: next, hasMore: !isLast }
}

/** Apple: EXHAUSTED_CURSOR ends a list, INVALID_CURSOR and EXPIRED_CURSOR (seven days) mean that it must be read anew. */
async function ask(client: AdeClient, place: Place): Promise<DevicePage | 'exhausted' | 'from-the-beginning'> {
  try {
    if (place.isFetching) return await client.fetchDevices(place.cursor ?? undefined)
    return place.cursor === null ? 'from-the-beginning' : await client.syncDevices(place.cursor)
  } catch (error) {
    if (!(error instanceof AdeFault)) throw error
    if (error.code === 'CURSOR_EXHAUSTED') return 'exhausted'
    // Without a cursor there is nothing of ours that could be wrong with it.
    if (place.cursor !== null && (error.code === 'CURSOR_EXPIRED' || error.code === 'CURSOR_INVALID')) return 'from-the-beginning'
    throw error
  }
}

/** Of several words about one serial number the last counts: changes come in their order. */
async function keepPage(tx: Db, linkId: string, devices: readonly Device[], at: Date): Promise<void> {
  const last = [...new Map(devices.map((device) => [device.serial_number.toUpperCase(), device])).values()]
  const [gone, present] = [last.filter(isDeleted), last.filter((device) => !isDeleted(device) && isMac(device))]
  await dropDevices(tx, { linkId, serials: gone.map(({ serial_number }) => serial_number.toUpperCase()) }, at)
  const seen = present.map(toSeen)
  await seeDevices(tx, linkId, seen, at)
  await ensureMacs(tx, { serials: seen.map(({ serial }) => serial), addedAt: at })
}

const isDeleted = ({ op_type }: Device): boolean => op_type === 'deleted'

const toSeen = (device: Device): SeenDevice => ({
  serial: device.serial_number.toUpperCase(),
  model: device.model ?? null,
  description: device.description ?? null,
  assetTag: device.asset_tag ?? null,
  profileStatus: device.profile_status ?? null,
  profileUuid: device.profile_uuid ?? null,
  migrationDeadline: device.mdm_migration_deadline == null ? null : new Date(device.mdm_migration_deadline),
})

/** Apple: `device_family` since protocol version 2, `os` is OSX. */
const isMac = ({ device_family, os, model }: Device): boolean =>
  device_family === undefined ? os === 'OSX' || /mac/i.test(model ?? '') : device_family === 'Mac'
