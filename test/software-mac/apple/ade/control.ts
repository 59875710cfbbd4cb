import { activate, defineProfile } from './profiles.ts'
import { type AdeDevice, type AdeProfile, type AdeState, newToken, noteChange, seconds } from './state.ts'
import { type ServerToken, tokenFile } from './token-file.ts'

/** What a test, or the software Apple's own desk, does on Apple's side of the service. */
export type AdeControl = {
  addDevice(device: Partial<AdeDevice> & { serial_number: string }): void
  modifyDevice(serial: string, changes: Partial<AdeDevice>): void
  /** Takes the device away from this server. */
  removeDevice(serial: string): void
  devices(): AdeDevice[]
  profiles(): AdeProfile[]
  /** As an MDM server would: defines the profile and assigns it. */
  assign(serial: string, profile: { profile_name: string; url: string; [key: string]: unknown }): void
  /** Apple fails on this device until told otherwise. */
  failOn(serial: string, isFailing?: boolean): void
  /** Every cursor handed out so far was handed out more than seven days ago. */
  expireCursors(): void
  /** Every session is over: 401 at its next use. */
  expireSessions(): void
  /** The server token is past its end. */
  expireToken(): void
  /** A new token, as after a download in Apple Business; the one before no longer counts. */
  renewToken(): ServerToken
  signTerms(isSigned: boolean): void
  /** The next answers are 503 with Retry-After. */
  refuseNext(count: number): void
  token(): ServerToken
  /** The `.p7m` for an uploaded certificate (PEM, RSA). */
  tokenFile(certificatePem: string): Uint8Array
  /** The profile that this Mac gets in Setup Assistant; undefined where none is assigned. */
  activate(serial: string): AdeProfile | undefined
}

type ControlDeps = {
  state: AdeState
  now: () => Date
  sessions: Set<string>
  ended: Set<string>
  refuseNext: (count: number) => void
}

export function createControl({ state, now, sessions, ended, refuseNext }: ControlDeps): AdeControl {
  return {
    addDevice(device) {
      const added = { ...blankDevice(now()), ...device }
      state.devices[device.serial_number] = added
      noteChange(state, added, 'added', now())
    },
    modifyDevice(serial, changes) {
      const known = state.devices[serial]
      if (known === undefined) throw new RangeError(`no device ${serial}`)
      state.devices[serial] = { ...known, ...changes, serial_number: serial }
      noteChange(state, state.devices[serial], 'modified', now())
    },
    removeDevice(serial) {
      const known = state.devices[serial]
      if (known === undefined) throw new RangeError(`no device ${serial}`)
      delete state.devices[serial]
      noteChange(state, known, 'deleted', now())
    },
    devices: () => Object.values(state.devices),
    profiles: () => Object.values(state.profiles),
    assign(serial, profile) {
      const { body } = defineProfile({ state, protocol: 3, now: now(), body: { ...profile, devices: [serial] } })
      if (typeof body === 'string') throw new RangeError(body)
    },
    failOn(serial, isFailing = true) {
      state.failing = [...state.failing.filter((one) => one !== serial), ...(isFailing ? [serial] : [])]
    },
    expireCursors() {
      for (const cursor of Object.values(state.cursors)) cursor.at = 0
    },
    expireSessions() {
      for (const session of sessions) ended.add(session)
      sessions.clear()
    },
    expireToken() {
      state.token = { ...state.token, access_token_expiry: seconds(new Date(now().getTime() - 1000)) }
    },
    renewToken() {
      state.token = newToken(now())
      return state.token
    },
    signTerms(isSigned) {
      state.isTermsSigned = isSigned
    },
    refuseNext,
    token: () => state.token,
    tokenFile: (certificatePem) => tokenFile(state.token, certificatePem),
    activate: (serial) => activate(state, serial, now()),
  }
}

const blankDevice = (now: Date): Omit<AdeDevice, 'serial_number'> => ({
  model: 'Mac mini',
  description: 'MAC MINI (M4)',
  color: 'SILVER',
  asset_tag: '',
  os: 'OSX',
  device_family: 'Mac',
  device_assigned_by: 'admin@evaluation.example',
  device_assigned_date: seconds(now),
  profile_status: 'empty',
})

/** Every deed is on disk before it returns. */
export function saving(control: AdeControl, save: () => void): AdeControl {
  const wrapped = Object.entries(control).map(([name, deed]) => [
    name,
    (...args: never[]) => {
      const result = (deed as (...given: never[]) => unknown)(...args)
      save()
      return result
    },
  ])
  return Object.fromEntries(wrapped) as AdeControl
}
