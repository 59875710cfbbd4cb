import { randomUuid, sha256 } from '../bytes.ts'
import { type PlistDict, plistDict } from '../plist/value.ts'
import type { IdentityKind, MdmDeps } from '../ports.ts'

const EKU_CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
/** com.apple.security.acme: UsageFlags, 1 = signing. */
const USAGE_SIGN = 1n

/**
 * `per-user-connections` can never be switched on later, so it is there from the first day, although users are declined for now.
 * `bootstraptoken`: tokens are kept in escrow (`checkin/set-bootstrap-token.ts`).
 */
const SERVER_CAPABILITIES = ['com.apple.mdm.per-user-connections', 'com.apple.mdm.bootstraptoken']

type EnrollmentProfile = {
  id: string
  identityKind: IdentityKind
  /** The one-time ClientIdentifier, or SCEP's challenge. */
  code: string
  topic: string
  accessRights: number
  /** Certificates (DER) that the Mac is told to trust, so that it goes on reaching this server under the company's own authority. */
  trustAnchors?: readonly Uint8Array[]
}

/**
 * The enrollment profile of one Mac: an identity (ACME's is attested by Apple), and MDM under that identity. Sent again with a fresh
 * code it renews the identity; what stands in its MDM payload may then never change (Apple: Topic, ServerURL, CheckInURL, AccessRights).
 */
export function enrollmentProfile(deps: MdmDeps, enrollment: EnrollmentProfile): PlistDict {
  const identityUuid = randomUuid(deps.random)
  const base = baseIdentifier(deps)
  const identity = { ...enrollment, identifier: `${base}.identity`, uuid: identityUuid, isIdentity: true }
  return configuration(deps, {
    identifier: base,
    name: `${deps.organization} device management`,
    description: `Lets ${deps.organization} manage this Mac and check with Apple that it is genuine and securely started.`,
    payloads: [
      enrollment.identityKind === 'scep' ? scepPayload(deps, identity) : acmePayload(deps, identity),
      mdmPayload(deps, { ...enrollment, base, identityUuid }),
      ...(enrollment.trustAnchors ?? []).map((certificate) => rootPayload(deps, { certificate, base })),
    ],
  })
}

/**
 * A further key for its attestation alone. It has a PayloadIdentifier of its own, so that it neither touches the MDM identity nor
 * piles up: a later one takes its place.
 */
export function reattestationProfile(deps: MdmDeps, wish: { id: string; code: string }): PlistDict {
  const identifier = reattestationIdentifier(deps)
  return configuration(deps, {
    identifier,
    name: `${deps.organization} attestation`,
    description: 'Lets Apple confirm the state of this Mac once more. It is removed right away.',
    payloads: [acmePayload(deps, { ...wish, identifier: `${identifier}.key`, uuid: randomUuid(deps.random), isIdentity: false })],
  })
}

export const reattestationIdentifier = (deps: MdmDeps): string => `${new URL(deps.publicUrl).hostname}.reattestation`

/** For another MDM server to install: the attested key, and nothing that manages. */
export function externalProfile(deps: MdmDeps, enrollment: { id: string; code: string }): PlistDict {
  const identifier = `${new URL(deps.publicUrl).hostname}.attested-key`
  return configuration(deps, {
    identifier,
    name: `${deps.organization} attested key`,
    description: `Lets ${deps.organization} check with Apple that this Mac is genuine and securely started.`,
    payloads: [acmePayload(deps, { ...enrollment, identifier: `${identifier}.key`, uuid: randomUuid(deps.random), isIdentity: false })],
  })
}

/**
 * Installed by a person before the enrollment link is opened: without it Safari and Setup Assistant refuse a server whose certificate
 * comes from the company's own authority.
 */
export function trustProfile(deps: Pick<MdmDeps, 'publicUrl' | 'organization' | 'random'>, certificates: readonly Uint8Array[]): PlistDict {
  const base = `${new URL(deps.publicUrl).hostname}.trust`
  return configuration(deps, {
    identifier: base,
    name: `${deps.organization} certificate authority`,
    description: `Lets this Mac trust servers of ${deps.organization}, so that it can enroll.`,
    payloads: certificates.map((certificate) => rootPayload(deps, { certificate, base })),
  })
}

/**
 * com.apple.security.root. The MDM payload does not pin it (ServerURLPinningCertificateUUIDs): a pin would outlive the authority that it
 * names and cut every Mac off, and nothing rests on TLS alone, since each message is signed under an identity that Apple attested.
 */
function rootPayload(deps: Pick<MdmDeps, 'random'>, { certificate, base }: { certificate: Uint8Array; base: string }): PlistDict {
  const digest = Buffer.from(sha256(certificate)).toString('hex')
  return plistDict({
    PayloadType: 'com.apple.security.root',
    PayloadVersion: 1n,
    PayloadIdentifier: `${base}.root.${digest.slice(0, 16)}`,
    PayloadUUID: randomUuid(deps.random),
    PayloadDisplayName: 'Certificate authority',
    PayloadCertificateFileName: `${digest.slice(0, 16)}.cer`,
    PayloadContent: certificate,
  })
}

const baseIdentifier = (deps: MdmDeps): string => `${new URL(deps.publicUrl).hostname}.enrollment`

function configuration(
  deps: Pick<MdmDeps, 'organization' | 'random'>,
  profile: { identifier: string; name: string; description: string; payloads: PlistDict[] },
): PlistDict {
  return plistDict({
    PayloadType: 'Configuration',
    PayloadVersion: 1n,
    PayloadIdentifier: profile.identifier,
    PayloadUUID: randomUuid(deps.random),
    PayloadScope: 'System',
    PayloadOrganization: deps.organization,
    PayloadDisplayName: profile.name,
    PayloadDescription: profile.description,
    PayloadContent: profile.payloads,
  })
}

type KeyPayload = { id: string; code: string; identifier: string; uuid: string; isIdentity: boolean }

function acmePayload(deps: MdmDeps, key: KeyPayload): PlistDict {
  return plistDict({
    PayloadType: 'com.apple.security.acme',
    PayloadVersion: 1n,
    PayloadIdentifier: key.identifier,
    PayloadUUID: key.uuid,
    PayloadDisplayName: key.isIdentity ? 'Device identity' : 'Attested key',
    DirectoryURL: `${deps.publicUrl}/acme/directory`,
    ClientIdentifier: key.code,
    KeyType: 'ECSECPrimeRandom',
    KeySize: 384n,
    HardwareBound: true,
    Attest: true,
    // The schema's default is true.
    KeyIsExtractable: false,
    AllowAllAppsAccess: false,
    Subject: [[['CN', key.id]]],
    UsageFlags: USAGE_SIGN,
    ...(key.isIdentity ? { ExtendedKeyUsage: [EKU_CLIENT_AUTH] } : {}),
  })
}

function scepPayload(deps: MdmDeps, key: KeyPayload): PlistDict {
  if (deps.scep === undefined) throw new TypeError('SCEP is not offered')
  return plistDict({
    PayloadType: 'com.apple.security.scep',
    PayloadVersion: 1n,
    PayloadIdentifier: key.identifier,
    PayloadUUID: key.uuid,
    PayloadDisplayName: 'Device identity',
    PayloadContent: plistDict({
      URL: `${deps.publicUrl}/scep`,
      Name: deps.organization,
      Subject: [[['CN', key.id]]],
      Challenge: key.code,
      Keysize: 2048n,
      'Key Type': 'RSA',
      // Signing, and decrypting what the server answers.
      'Key Usage': 5n,
      // The server is reached through TLS, and the Mac shall encrypt its challenge to this CA and no other.
      CAFingerprint: sha256(deps.scep.certificate),
      KeyIsExtractable: false,
      AllowAllAppsAccess: false,
    }),
  })
}

type MdmPayload = { topic: string; accessRights: number; base: string; identityUuid: string }

function mdmPayload(deps: MdmDeps, options: MdmPayload): PlistDict {
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
    AccessRights: BigInt(options.accessRights),
    CheckOutWhenRemoved: true,
    UseDevelopmentAPNS: false,
    ServerCapabilities: SERVER_CAPABILITIES,
  })
}
