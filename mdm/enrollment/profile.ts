import { randomUuid } from '../bytes.ts'
import { type PlistDict, plistDict } from '../plist/value.ts'
import type { MdmDeps } from '../ports.ts'
import { ACCESS_RIGHTS } from './access-rights.ts'

const EKU_CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
/** com.apple.security.acme: UsageFlags, 1 = signing. */
const USAGE_SIGN = 1n

/**
 * `per-user-connections` can never be switched on later, so it is there from the first day, although users are declined for now.
 * `bootstraptoken` can: it is left out until tokens are kept, because a Mac believes an answered token to be in escrow.
 */
const SERVER_CAPABILITIES = ['com.apple.mdm.per-user-connections']

/** The enrollment profile of one Mac: an ACME identity attested by Apple, and MDM under that identity. */
export function enrollmentProfile(deps: MdmDeps, enrollment: { id: string; clientIdentifier: string; topic: string }): PlistDict {
  const identityUuid = randomUuid(deps.random)
  const base = `${new URL(deps.publicUrl).hostname}.enrollment`
  return plistDict({
    PayloadType: 'Configuration',
    PayloadVersion: 1n,
    PayloadIdentifier: base,
    PayloadUUID: randomUuid(deps.random),
    PayloadScope: 'System',
    PayloadOrganization: deps.organization,
    PayloadDisplayName: `${deps.organization} device management`,
    PayloadDescription: `Lets ${deps.organization} manage this Mac and check with Apple that it is genuine and securely started.`,
    PayloadContent: [
      acmePayload(deps, { ...enrollment, base, identityUuid }),
      mdmPayload(deps, { topic: enrollment.topic, base, identityUuid }),
    ],
  })
}

function acmePayload(deps: MdmDeps, options: { id: string; clientIdentifier: string; base: string; identityUuid: string }): PlistDict {
  return plistDict({
    PayloadType: 'com.apple.security.acme',
    PayloadVersion: 1n,
    PayloadIdentifier: `${options.base}.identity`,
    PayloadUUID: options.identityUuid,
    PayloadDisplayName: 'Device identity',
    DirectoryURL: `${deps.publicUrl}/acme/directory`,
    ClientIdentifier: options.clientIdentifier,
    KeyType: 'ECSECPrimeRandom',
    KeySize: 384n,
    HardwareBound: true,
    Attest: true,
    // The schema's default is true.
    KeyIsExtractable: false,
    AllowAllAppsAccess: false,
    Subject: [[['CN', options.id]]],
    UsageFlags: USAGE_SIGN,
    ExtendedKeyUsage: [EKU_CLIENT_AUTH],
  })
}

function mdmPayload(deps: MdmDeps, options: { topic: string; base: string; identityUuid: string }): PlistDict {
  return plistDict({
    PayloadType: 'com.apple.mdm',
    PayloadVersion: 1n,
    PayloadIdentifier: `${options.base}.mdm`,
    PayloadUUID: randomUuid(deps.random),
    PayloadDisplayName: 'Device management',
    IdentityCertificateUUID: options.identityUuid,
    Topic: options.topic,
    ServerURL: `${deps.publicUrl}/mdm/connect`,
    CheckInURL: `${deps.publicUrl}/mdm/checkin`,
    SignMessage: true,
    AccessRights: BigInt(ACCESS_RIGHTS),
    CheckOutWhenRemoved: true,
    UseDevelopmentAPNS: false,
    ServerCapabilities: SERVER_CAPABILITIES,
  })
}
