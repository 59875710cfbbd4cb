import { acknowledgeAlert } from './alerts/acknowledge-alert.ts'
import { listAlerts } from './alerts/list-alerts.ts'
import { createApiKey } from './api-keys/create-api-key.ts'
import { listApiKeys } from './api-keys/list-api-keys.ts'
import { revokeApiKey } from './api-keys/revoke-api-key.ts'
import { createLink } from './apple-business/create-link.ts'
import { installToken } from './apple-business/install-token.ts'
import { listDevices } from './apple-business/list-devices.ts'
import { listLinks } from './apple-business/list-links.ts'
import { removeLink } from './apple-business/remove-link.ts'
import { setAssignsNewMacs } from './apple-business/set-assigns-new-macs.ts'
import { syncLink } from './apple-business/sync-link.ts'
import { getOverview } from './fleet/get-overview.ts'
import { exportInventory } from './inventory/export-inventory.ts'
import { importList } from './inventory/import-list.ts'
import { makeLinks } from './inventory/make-links.ts'
import { previewList } from './inventory/preview-list.ts'
import { eraseMac } from './macs/erase-mac.ts'
import { exportExternalProfile } from './macs/export-external-profile.ts'
import { getEvidence } from './macs/get-evidence.ts'
import { getMac } from './macs/get-mac.ts'
import { inviteMac } from './macs/invite-mac.ts'
import { listMacCommands } from './macs/list-mac-commands.ts'
import { listMacEvents } from './macs/list-mac-events.ts'
import { listMacs } from './macs/list-macs.ts'
import { listVerdicts } from './macs/list-verdicts.ts'
import { lockMac } from './macs/lock-mac.ts'
import { refreshMac } from './macs/refresh-mac.ts'
import { releaseMac } from './macs/release-mac.ts'
import { renewIdentity } from './macs/renew-identity.ts'
import { restartMac } from './macs/restart-mac.ts'
import { revokeIdentity } from './macs/revoke-identity.ts'
import { revokeMac } from './macs/revoke-mac.ts'
import { showLockPin } from './macs/show-lock-pin.ts'
import { acceptInvitation } from './people/accept-invitation.ts'
import { changeRole } from './people/change-role.ts'
import { disablePerson } from './people/disable-person.ts'
import { enablePerson } from './people/enable-person.ts'
import { getAccessReview } from './people/get-access-review.ts'
import { invitePerson } from './people/invite-person.ts'
import { listInvitations } from './people/list-invitations.ts'
import { listPeople } from './people/list-people.ts'
import { lookAtInvitation } from './people/look-at-invitation.ts'
import { offerReset } from './people/offer-reset.ts'
import { reissueInvitation } from './people/reissue-invitation.ts'
import { revokeInvitation } from './people/revoke-invitation.ts'
import { setSecondFactorRule } from './people/set-second-factor-rule.ts'
import { createPlaygroundKey } from './playground/create-playground-key.ts'
import { approvePolicy } from './policies/approve-policy.ts'
import { getPolicy } from './policies/get-policy.ts'
import { getPolicyPreview } from './policies/get-policy-preview.ts'
import { getPolicyVersion } from './policies/get-policy-version.ts'
import { listPolicyVersions } from './policies/list-policy-versions.ts'
import { previewPolicy } from './policies/preview-policy.ts'
import { proposePolicy } from './policies/propose-policy.ts'
import { rejectPolicy } from './policies/reject-policy.ts'
import { withdrawPolicy } from './policies/withdraw-policy.ts'
import { router } from './procedure.ts'
import { acceptSignedRequest } from './push/accept-signed-request.ts'
import { createPushRequest } from './push/create-push-request.ts'
import { discardPushRequest } from './push/discard-push-request.ts'
import { getPushSetup } from './push/get-push-setup.ts'
import { importPushCertificate } from './push/import-push-certificate.ts'
import { openMdmcertMail } from './push/open-mdmcert-mail.ts'
import { replacePushTopic } from './push/replace-push-topic.ts'
import { sendToMdmcert } from './push/send-to-mdmcert.ts'
import { signPushRequest } from './push/sign-push-request.ts'
import { addRelease } from './releases/add-release.ts'
import { changeRelease } from './releases/change-release.ts'
import { listReleases } from './releases/list-releases.ts'
import { putInRing } from './releases/put-in-ring.ts'
import { beginSecondFactor } from './session/begin-second-factor.ts'
import { changePassword } from './session/change-password.ts'
import { confirmSecondFactor } from './session/confirm-second-factor.ts'
import { endOtherSessions } from './session/end-other-sessions.ts'
import { getSecondFactor } from './session/get-second-factor.ts'
import { getSession } from './session/get-session.ts'
import { listMySessions } from './session/list-my-sessions.ts'
import { removeSecondFactor } from './session/remove-second-factor.ts'
import { renewRecoveryCodes } from './session/renew-recovery-codes.ts'
import { revokeSession } from './session/revoke-session.ts'
import { stepUp } from './session/step-up.ts'
import { addTrustAnchor } from './setup/add-trust-anchor.ts'
import { getAddress } from './setup/get-address.ts'
import { getEgress } from './setup/get-egress.ts'
import { getMigration } from './setup/get-migration.ts'
import { getSetup } from './setup/get-setup.ts'
import { getSigner } from './setup/get-signer.ts'
import { getTrustProfile } from './setup/get-trust-profile.ts'
import { importSigner } from './setup/import-signer.ts'
import { removeSigner } from './setup/remove-signer.ts'
import { removeTrustAnchor } from './setup/remove-trust-anchor.ts'
import { tryEgress } from './setup/try-egress.ts'

/** Everything the console can ask. */
export const appRouter = router({
  session: router({
    ...{ getSession, stepUp, changePassword },
    ...{ listMySessions, revokeSession, endOtherSessions },
    ...{ getSecondFactor, beginSecondFactor, confirmSecondFactor, renewRecoveryCodes, removeSecondFactor },
  }),
  people: router({
    ...{ listPeople, changeRole, disablePerson, enablePerson, offerReset },
    ...{ listInvitations, invitePerson, reissueInvitation, revokeInvitation, lookAtInvitation, acceptInvitation },
    ...{ getAccessReview, setSecondFactorRule },
  }),
  fleet: router({ getOverview }),
  macs: router({
    listMacs,
    getMac,
    listMacEvents,
    listVerdicts,
    getEvidence,
    inviteMac,
    revokeMac,
    releaseMac,
    exportExternalProfile,
    renewIdentity,
    revokeIdentity,
    ...{ restartMac, lockMac, showLockPin, eraseMac, refreshMac, listMacCommands },
  }),
  apiKeys: router({ listApiKeys, createApiKey, revokeApiKey }),
  alerts: router({ listAlerts, acknowledgeAlert }),
  appleBusiness: router({ listLinks, listDevices, createLink, installToken, syncLink, setAssignsNewMacs, removeLink }),
  policies: router({
    ...{ getPolicy, listPolicyVersions, getPolicyVersion, previewPolicy, getPolicyPreview },
    ...{ proposePolicy, approvePolicy, rejectPolicy, withdrawPolicy },
  }),
  releases: router({ listReleases, addRelease, changeRelease, putInRing }),
  playground: router({ createPlaygroundKey }),
  inventory: router({ previewList, importList, exportInventory, makeLinks }),
  setup: router({
    ...{ getSetup, getAddress, addTrustAnchor, removeTrustAnchor, getTrustProfile },
    ...{ getSigner, importSigner, removeSigner, getEgress, tryEgress, getMigration },
  }),
  push: router({
    ...{ getPushSetup, createPushRequest, discardPushRequest, importPushCertificate, replacePushTopic },
    ...{ signPushRequest, acceptSignedRequest, sendToMdmcert, openMdmcertMail },
  }),
})
export type AppRouter = typeof appRouter
