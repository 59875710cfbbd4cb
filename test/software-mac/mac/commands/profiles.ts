import { AcmeRefused } from '../acme-session.ts'
import { installProfile, removeProfile } from '../install-profile.ts'
import type { PlistDict } from '../plist/write.ts'
import { type Profile, ProfileError } from '../profile.ts'
import { type Command, CommandFailed, CommandFormatError, RIGHT } from './command.ts'

const INSTALL_DOMAIN = 'MCInstallationErrorDomain'
const PROFILE_DOMAIN = 'MCProfileErrorDomain'
const MDM_DOMAIN = 'MCMDMErrorDomain'

export const installProfileCommand: Command = async (command, context) => {
  if ((context.accessRights & RIGHT.installProfiles) === 0) throw new CommandFailed(12_004, MDM_DOMAIN, 'not permitted to install profiles')
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
  if ((context.accessRights & RIGHT.installProfiles) === 0) throw new CommandFailed(12_004, MDM_DOMAIN, 'not permitted to remove profiles')
  const identifier = command.Identifier
  if (typeof identifier !== 'string') throw new CommandFormatError('Identifier is not a string')
  const profile = context.profiles.find(identifier)
  if (profile === undefined) throw new CommandFailed(12_075, MDM_DOMAIN, `no profile ${identifier} is installed`)
  if (identifier === context.enrollmentIdentifier) context.unenrollLater('the server removed the enrollment profile')
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

export const certificateList: Command = async (_command, { accessRights, identities }) => {
  if ((accessRights & RIGHT.inspectProfiles) === 0) return {}
  const entries = identities.certificates().map((certificate) => ({
    CommonName: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '',
    Data: certificate.raw,
    IsIdentity: true,
  }))
  return { CertificateList: entries }
}
