import { type PlistDict, plistDict } from '../plist/value.ts'
import type { Command } from '../ports.ts'
import { requirePin } from './arguments.ts'

const MAX_PROFILE_BYTES = 512 * 1024
const BEHAVIOURS = ['Default', 'DoNotObliterate', 'ObliterateWithWarning', 'Always'] as const

export type EraseDevice = {
  /** For Macs without Apple silicon or T2: the PIN that Find My asks for afterwards. */
  pin?: string
  /** What happens where “Erase All Content and Settings” cannot run. `Default`: the Mac says so and wipes its disk all the same. */
  obliteration?: (typeof BEHAVIOURS)[number]
  returnToService?: {
    /** A Mac without a cable needs a network before it can enroll again. */
    wifiProfile?: Uint8Array
    mdmProfile?: Uint8Array
    /** From the 27 schema on. */
    retriesEnrollment?: boolean
  }
}

/**
 * Apple: EraseDevice. Needs AccessRights 8. Nothing undoes it. An `Acknowledged` is the last word of that enrollment.
 * https://developer.apple.com/documentation/devicemanagement/erasedevicecommand
 */
export function eraseDevice(options: EraseDevice = {}): Command {
  const obliteration = options.obliteration ?? 'Default'
  if (!BEHAVIOURS.includes(obliteration)) throw new TypeError(`no ObliterationBehavior: ${obliteration}`)
  const payload = plistDict({
    PIN: options.pin === undefined ? undefined : requirePin(options.pin),
    ObliterationBehavior: obliteration,
    ReturnToService: options.returnToService && returnToService(options.returnToService),
  })
  return { requestType: 'EraseDevice', payload }
}

function returnToService({ wifiProfile, mdmProfile, retriesEnrollment }: NonNullable<EraseDevice['returnToService']>): PlistDict {
  for (const profile of [wifiProfile, mdmProfile]) {
    if (profile !== undefined && (profile.length === 0 || profile.length > MAX_PROFILE_BYTES)) {
      throw new TypeError(`a profile has 1 to ${MAX_PROFILE_BYTES} bytes`)
    }
  }
  return plistDict({
    Enabled: true,
    WiFiProfileData: wifiProfile,
    MDMProfileData: mdmProfile,
    ShouldRetryEnrollment: retriesEnrollment,
  })
}
