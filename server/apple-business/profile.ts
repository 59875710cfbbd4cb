import { createHash } from 'node:crypto'
import { canonicalJson } from '#protocol/canonical'
import type { EnrollmentProfile } from '../../mdm/ade/wire.ts'

/**
 * What Setup Assistant of an assigned Mac is told: supervised, mandatory and never removable, so that the Mac stays under this
 * appliance; held until its first commands are queued (`await_device_configured`).
 * https://developer.apple.com/documentation/devicemanagement/profile
 */
export function automatedProfile(options: {
  organization: string
  publicUrl: string
  /** DER; without one, what every Mac trusts. */
  anchors: readonly Uint8Array[]
}): EnrollmentProfile {
  return {
    profile_name: `${options.organization} Macs`,
    url: `${options.publicUrl}/enroll/automated`,
    is_supervised: true,
    is_mandatory: true,
    is_mdm_removable: false,
    await_device_configured: true,
    org_magic: createHash('sha256').update(options.publicUrl).digest('hex').slice(0, 32),
    // Nothing is skipped that asks a person for consent; what needs an iCloud account or a purchase is.
    ...(options.anchors.length > 0 && { anchor_certs: options.anchors.map((der) => Buffer.from(der).toString('base64')) }),
    skip_setup_items: ['AppleID', 'Siri', 'ScreenTime', 'Payment', 'Welcome'],
  }
}

/** Changes when what Apple was told is no longer what it should be told. */
export const profileDigest = (profile: EnrollmentProfile): string =>
  createHash('sha256')
    .update(canonicalJson({ ...profile }))
    .digest('hex')
