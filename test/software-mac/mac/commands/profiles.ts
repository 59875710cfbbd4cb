import type { X509Certificate } from 'node:crypto'
import { AcmeRefused } from '../acme-session.ts'
import { installProfile, removeProfile } from '../install-profile.ts'
import type { PlistDict } from '../plist/write.ts'
import { type Profile, ProfileError } from '../profile.ts'
import { readSystemKeychain, withForeignKey } from '../system-keychain.ts'
import { type Command, type CommandContext, CommandFailed, CommandFormatError, MDM_DOMAIN, RIGHT, requireRight } from './command.ts'

const INSTALL_DOMAIN = 'MCInstallationErrorDomain'
const PROFILE_DOMAIN = 'MCProfileErrorDomain'

export const installProfileCommand: Command = async (command, context) => {
  requireRight(context, RIGHT.installProfiles, 'install profiles')
  const payload = command.Payload
  if (!(payload instanceof Uint8Array)) throw new CommandFormatError('Payload is not data')
  try {
    await installProfile(payload, context)
    return {}
  } catch (error) {
    if (error instanceof ProfileError) throw new CommandFailed(1000, PROFILE_DOMAIN, error.message)
    if (error instanceof AcmeRefused) throw new CommandFailed(4001, INSTALL_DOMAIN, error.message)
    throw error
  }
}

export const removeProfileCommand: Command = async (command, context) => {
  requireRight(context, RIGHT.installProfiles, 'remove profiles')
  const identifier = command.Identifier
  if (typeof identifier !== 'string') throw new CommandFormatError('Identifier is not a string')
  const profile = context.profiles.find(identifier)
  if (profile === undefined) throw new CommandFailed(12_075, MDM_DOMAIN, `no profile ${identifier} is installed`)
  if (identifier === context.enrollmentIdentifier) context.later({ kind: 'leave', reason: 'the server removed the enrollment profile' })
  else removeProfile(profile, context)
  return {}
}

export const profileList: Command = async (_command, { accessRights, profiles }) =>
  (accessRights & RIGHT.inspectProfiles) === 0 ? {} : { ProfileList: profiles.list().map(describe) }

const describe = (profile: Profile): PlistDict => ({
  PayloadIdentifier: profile.identifier,
  PayloadUUID: profile.uuid,
  PayloadDisplayName: profile.displayName,
  PayloadOrganization: profile.organization,
  PayloadVersion: 1,
  PayloadRemovalDisallowed: profile.isRemovalDisallowed,
  HasRemovalPasscode: false,
  IsEncrypted: false,
  IsManaged: true,
  PayloadContent: profile.payloads.map((payload) => ({
    PayloadType: payload.type,
    PayloadIdentifier: payload.identifier,
    PayloadUUID: payload.uuid,
    PayloadDisplayName: payload.displayName,
    PayloadVersion: 1,
  })),
})

/**
 * Apple: CertificateList. The identities that came over MDM, and what stands in the System keychain; `ManagedOnly`, and a user
 * enrollment, leave the latter out.
 */
export const certificateList: Command = async (command, context) => {
  if ((context.accessRights & RIGHT.inspectProfiles) === 0) return {}
  const isManagedOnly = command.ManagedOnly === true || context.device().isUserEnrollment
  const identities = context.identities.certificates().map((certificate) => entry(certificate, true))
  const others = isManagedOnly ? [] : systemCertificates(context).map((certificate) => entry(certificate, false))
  return { CertificateList: [...identities, ...others] }
}

function systemCertificates({ directory, misbehaviour }: CommandContext): X509Certificate[] {
  if (misbehaviour.certificateList === 'missing') return []
  const certificates = readSystemKeychain(directory)
  return misbehaviour.certificateList === 'foreign' ? certificates.map(withForeignKey) : certificates
}

const entry = (certificate: X509Certificate, IsIdentity: boolean): PlistDict => ({
  CommonName: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '',
  Data: new Uint8Array(certificate.raw),
  IsIdentity,
})
