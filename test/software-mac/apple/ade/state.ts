import { randomBytes, randomUUID } from 'node:crypto'
import { readJson, writeJson } from '../../durable-file.ts'
import type { ServerToken } from './token-file.ts'

/** A Mac that the organization owns, as Apple lists it. */
export type AdeDevice = {
  serial_number: string
  model: string
  description: string
  color: string
  asset_tag: string
  os: string
  device_family: string
  device_assigned_by: string
  device_assigned_date: string
  profile_status: 'empty' | 'assigned' | 'pushed' | 'removed'
  profile_uuid?: string
  profile_assign_time?: string
  profile_push_time?: string
  mdm_migration_deadline?: string
}

/** As it was defined; Apple's key names. */
export type AdeProfile = { profile_uuid: string; url: string; profile_name: string; [key: string]: unknown }

export type AdeChange = { device: AdeDevice; op_type: 'added' | 'modified' | 'deleted'; op_date: string }

/** Where a reader stands: in a listing (a page of a snapshot), or in the changes since. */
export type AdeCursor = { at: number; changesSeen: number; listing?: { serials: string[]; next: number } }

export type AdeState = {
  token: ServerToken
  serverUuid: string
  devices: Record<string, AdeDevice>
  profiles: Record<string, AdeProfile>
  changes: AdeChange[]
  cursors: Record<string, AdeCursor>
  isTermsSigned: boolean
  /** Serial numbers that Apple fails on. */
  failing: string[]
}

const YEAR_MS = 365 * 24 * 3600_000
const MAX_CURSORS = 1000
const word = (prefix: string) => `${prefix}_${randomBytes(20).toString('hex')}`

export function openAdeState(file: string | undefined, now: Date): { state: AdeState; save(): void } {
  const state = (file === undefined ? undefined : readJson<AdeState>(file)) ?? {
    token: newToken(now),
    serverUuid: randomUUID().replaceAll('-', '').toUpperCase(),
    devices: {},
    profiles: {},
    changes: [],
    cursors: {},
    isTermsSigned: true,
    failing: [],
  }
  return { state, save: () => (file === undefined ? undefined : writeJson(file, state)) }
}

/** Apple's tokens live a year. */
export const newToken = (now: Date): ServerToken => ({
  consumer_key: word('CK'),
  consumer_secret: word('CS'),
  access_token: word('AT'),
  access_secret: word('AS'),
  access_token_expiry: new Date(now.getTime() + YEAR_MS).toISOString().replace(/\.\d+Z$/, 'Z'),
})

export function noteChange(state: AdeState, device: AdeDevice, op_type: AdeChange['op_type'], now: Date): void {
  state.changes.push({ device: { ...device }, op_type, op_date: seconds(now) })
}

export function newCursor(state: AdeState, cursor: AdeCursor): string {
  const name = randomBytes(24).toString('base64url')
  const names = Object.keys(state.cursors)
  if (names.length >= MAX_CURSORS) delete state.cursors[names[0] ?? '']
  state.cursors[name] = cursor
  return name
}

export const seconds = (date: Date) => date.toISOString().replace(/\.\d+Z$/, 'Z')
