import { sha256 } from '../bytes.ts'
import { type PlistDict, plistDict } from '../plist/value.ts'

const LABEL = /^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+){1,10}$/
const TEAM = /^[A-Z0-9]{10}$/

/**
 * A managed login item (com.apple.servicemanagement): the daemon of this label starts and cannot be switched off in System Settings.
 * It asks for no privacy permission (PPPC), because the agent needs none. With `teamIdentifier` only that team's daemon is meant.
 * https://developer.apple.com/documentation/devicemanagement/servicemanagementmanagedloginitems
 */
export function loginItemProfile(options: { organization: string; label: string; teamIdentifier?: string }): PlistDict {
  const { organization, label, teamIdentifier } = options
  if (!LABEL.test(label)) throw new TypeError('a launchd label is written in reverse DNS')
  if (teamIdentifier !== undefined && !TEAM.test(teamIdentifier)) throw new TypeError('a Team ID has ten capital letters and digits')
  const identifier = `${label}.login-item`
  const rule = plistDict({
    RuleType: 'Label',
    RuleValue: label,
    TeamIdentifier: teamIdentifier,
    Comment: `Keeps ${label} running`,
  })
  const payload = plistDict({
    PayloadType: 'com.apple.servicemanagement',
    PayloadVersion: 1n,
    PayloadIdentifier: `${identifier}.rules`,
    PayloadUUID: uuidOf(`${identifier}.rules`),
    PayloadDisplayName: 'Managed background item',
    Rules: [rule],
  })
  return plistDict({
    PayloadType: 'Configuration',
    PayloadVersion: 1n,
    PayloadIdentifier: identifier,
    PayloadUUID: uuidOf(identifier),
    PayloadScope: 'System',
    PayloadOrganization: organization,
    PayloadDisplayName: `${organization} background item`,
    PayloadContent: [payload],
  })
}

/** The same profile always has the same UUIDs, so that installing it again changes nothing (RFC 9562 §5.8). */
function uuidOf(name: string): string {
  const bytes = Buffer.from(sha256(name)).subarray(0, 16)
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return bytes
    .toString('hex')
    .toUpperCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
