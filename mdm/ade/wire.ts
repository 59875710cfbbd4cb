import { z } from 'zod'

/** Apple's answers, as far as they are used; what else stands in them is ignored. https://developer.apple.com/documentation/devicemanagement/device-assignment */
const Text = z.string().max(4096)

export const Session = z.object({ auth_session_token: z.string().min(1).max(4096) })

export const Account = z.object({
  server_name: Text,
  server_uuid: Text,
  admin_id: Text.optional(),
  org_name: Text.optional(),
  org_id: Text.optional(),
  org_type: Text.optional(),
})
export type Account = z.infer<typeof Account>

/** Dates come as RFC 3339; anything else is left out rather than believed. */
const When = z.iso.datetime({ offset: true }).optional().catch(undefined)

export const Device = z.object({
  serial_number: z.string().min(1).max(64),
  model: Text.optional(),
  description: Text.optional(),
  color: Text.optional(),
  asset_tag: Text.optional(),
  device_family: Text.optional(),
  os: Text.optional(),
  profile_status: z.enum(['empty', 'assigned', 'pushed', 'removed']).optional().catch(undefined),
  profile_uuid: Text.optional(),
  profile_assign_time: When,
  device_assigned_date: When,
  /** Another server manages it until then: https://developer.apple.com/documentation/devicemanagement/migrating-managed-devices */
  mdm_migration_deadline: When.nullable().catch(undefined),
  /** In answers of sync alone. */
  op_type: z.enum(['added', 'modified', 'deleted']).optional().catch(undefined),
  op_date: When,
})
export type Device = z.infer<typeof Device>

export const DevicePage = z.object({
  devices: z.array(Device).max(1000).default([]),
  cursor: z.string().max(4096),
  more_to_follow: z.boolean(),
})
export type DevicePage = z.infer<typeof DevicePage>

/** SUCCESS | NOT_ACCESSIBLE | FAILED, a serial number each. */
const PerSerial = z.record(z.string().max(64), z.string().max(64))

export const DefinedProfile = z.object({ profile_uuid: z.string().min(1).max(256), devices: PerSerial.optional() })
export const AssignedProfile = z.object({ profile_uuid: Text.optional(), devices: PerSerial.default({}) })

/** What Setup Assistant is told; Apple's key names. */
export type EnrollmentProfile = {
  profile_name: string
  url: string
  /** A web page instead, where people sign in first. */
  configuration_web_url?: string
  is_supervised: true
  is_mandatory: boolean
  is_mdm_removable: boolean
  await_device_configured: boolean
  org_magic: string
  support_email_address?: string
  support_phone_number?: string
  department?: string
  language?: string
  region?: string
  auto_advance_setup?: boolean
  /** DER in base64: which certificates of the MDM server's TLS chain Setup Assistant accepts. */
  anchor_certs?: string[]
  supervising_host_certs?: string[]
  skip_setup_items?: string[]
}
