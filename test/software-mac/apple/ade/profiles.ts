import { randomUUID } from 'node:crypto'
import { type Answer, type Asked, outcomeFor, refuse, serialsOf } from './devices.ts'
import { type AdeDevice, type AdeProfile, type AdeState, noteChange, seconds } from './state.ts'

const MAX_NAME = 125

/** POST /profile: defines one, and assigns it to the devices that are named along. */
export function defineProfile({ state, body, now }: Asked): Answer {
  const { devices, ...profile } = body
  const fault = faultOf(profile)
  if (fault !== undefined) return refuse(400, fault)
  const uuid = randomUUID().replaceAll('-', '').toUpperCase()
  state.profiles[uuid] = { ...profile, profile_uuid: uuid } as AdeProfile
  const serials = serialsOf(body) ?? []
  return { status: 200, body: { profile_uuid: uuid, devices: assign(state, uuid, serials, now) } }
}

function faultOf(profile: Record<string, unknown>): string | undefined {
  const { profile_name: name, url, is_supervised, is_mdm_removable, anchor_certs } = profile
  if (name === undefined || name === '') return 'CONFIG_NAME_REQUIRED'
  if (typeof name !== 'string' || name.length > MAX_NAME) return 'CONFIG_NAME_INVALID'
  if (url === undefined || url === '') return 'CONFIG_URL_REQUIRED'
  if (typeof url !== 'string' || !isWebAddress(url)) return 'CONFIG_URL_INVALID'
  // Only a supervised device can be kept from leaving.
  if (is_mdm_removable === false && is_supervised === false) return 'FLAGS_INVALID'
  const areCertificates =
    anchor_certs === undefined || (Array.isArray(anchor_certs) && anchor_certs.every((one) => typeof one === 'string'))
  return areCertificates ? undefined : 'CERTS_INVALID'
}

/** Apple insists on https; plain HTTP is let through on loopback alone. */
function isWebAddress(text: string): boolean {
  const url = URL.parse(text)
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname))
}

/** GET /profile?profile_uuid= */
export function findProfile(state: AdeState, uuid: string | null): Answer {
  if (uuid === null || uuid === '') return refuse(400, 'PROFILE_UUID_REQUIRED')
  const found = Object.hasOwn(state.profiles, uuid) ? state.profiles[uuid] : undefined
  return found === undefined ? refuse(404, 'PROFILE_NOT_FOUND') : { status: 200, body: found }
}

/** PUT /profile/devices */
export function assignProfile({ state, body, now }: Asked): Answer {
  const uuid = body.profile_uuid
  if (typeof uuid !== 'string' || uuid === '') return refuse(400, 'PROFILE_UUID_REQUIRED')
  const serials = serialsOf(body)
  if (serials === undefined) return refuse(400, 'DEVICE_ID_REQUIRED')
  if (!Object.hasOwn(state.profiles, uuid)) return refuse(404, 'PROFILE_NOT_FOUND')
  return { status: 200, body: { profile_uuid: uuid, devices: assign(state, uuid, serials, now) } }
}

/** DELETE /profile/devices */
export function removeProfile({ state, body, now }: Asked): Answer {
  const serials = serialsOf(body)
  if (serials === undefined) return refuse(400, 'DEVICE_ID_REQUIRED')
  const devices = perSerial(state, serials, (device) => {
    const { profile_uuid: _uuid, profile_assign_time: _at, profile_push_time: _pushed, ...rest } = device
    change(state, { ...rest, profile_status: 'removed' }, now)
  })
  return { status: 200, body: { devices } }
}

/** POST /devices/disown: they leave the organization for good. */
export function disownDevices({ state, body, now }: Asked): Answer {
  const serials = serialsOf(body)
  if (serials === undefined) return refuse(400, 'DEVICE_ID_REQUIRED')
  const devices = perSerial(state, serials, (device) => {
    delete state.devices[device.serial_number]
    noteChange(state, device, 'deleted', now)
  })
  return { status: 200, body: { devices } }
}

const assign = (state: AdeState, profile_uuid: string, serials: string[], now: Date) =>
  perSerial(state, serials, (device) => {
    const { profile_push_time: _pushed, ...rest } = device
    change(state, { ...rest, profile_uuid, profile_status: 'assigned', profile_assign_time: seconds(now) }, now)
  })

function perSerial(state: AdeState, serials: string[], act: (device: AdeDevice) => void): Record<string, string> {
  const outcomes = serials.map((serial): [string, string] => {
    const outcome = outcomeFor(state, serial)
    const device = state.devices[serial]
    if (outcome === 'SUCCESS' && device !== undefined) act(device)
    return [serial, outcome]
  })
  return Object.fromEntries(outcomes)
}

/** A server sees its own assignments in the next sync, too. */
function change(state: AdeState, device: AdeDevice, now: Date): void {
  state.devices[device.serial_number] = device
  noteChange(state, device, 'modified', now)
}

/** What a Mac in Setup Assistant is told; from then on its profile counts as pushed. */
export function activate(state: AdeState, serial: string, now: Date): AdeProfile | undefined {
  const device = Object.hasOwn(state.devices, serial) ? state.devices[serial] : undefined
  const profile = device?.profile_uuid === undefined ? undefined : state.profiles[device.profile_uuid]
  if (device === undefined || profile === undefined) return undefined
  change(state, { ...device, profile_status: 'pushed', profile_push_time: seconds(now) }, now)
  return profile
}
