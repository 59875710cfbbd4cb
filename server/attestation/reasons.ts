/**
 * Why a Mac is refused: every code, what it says, what to do about it, and the item of the trust rules that it belongs to
 * (1 device, 2 channel, 3 key, 4 code, 5 liveness, 6 boot, 7 cross-check). Codes are stored for ever: add, never rename.
 * `isWaivable`: a policy item that an administrator may waive. Device, channel, key, revocation and the hard maximum age are not.
 */
const REASONS = {
  // 1: device
  SERIAL_NOT_IN_INVENTORY: reason(
    1,
    'The serial number is not in the inventory.',
    'Add the Mac to the inventory, or remove it from this appliance.',
  ),
  MAC_REVOKED: reason(1, 'The Mac has been revoked.', 'A revoked Mac stays out. Add it again only after it has been erased.'),
  MAC_QUARANTINED: reason(1, 'The Mac is in quarantine.', 'Look into the cause on the Mac’s page, then release it.'),
  NOT_ENROLLED: reason(1, 'The Mac is not enrolled.', 'Send its user the enrollment link and wait until enrollment has finished.'),
  ENROLLMENT_SUPERSEDED: reason(
    1,
    'A later enrollment of this serial number has been attested since.',
    'Look at the newer enrollment. If nobody enrolled the Mac anew, treat it as tampered with.',
  ),
  NO_ATTESTATION: reason(
    1,
    'Apple has not attested this Mac yet.',
    'Keep the Mac awake and online; it must reach Apple’s servers. Then refresh its attestation.',
  ),
  CHAIN_INCOMPLETE: reason(
    1,
    'The attestation’s certificate chain is incomplete.',
    'Refresh the attestation; a Mac sends its leaf and Apple’s intermediate certificate.',
  ),
  CHAIN_TOO_LARGE: reason(
    1,
    'The attestation’s certificate chain is larger than any that Apple sends.',
    'Treat the Mac as tampered with until explained.',
  ),
  CHAIN_UNTRUSTED: reason(
    1,
    'The attestation does not lead to the pinned root.',
    'Treat the Mac as tampered with: only Apple’s own attestation counts.',
  ),
  CHAIN_EXPIRED: reason(1, 'A certificate of the attestation has expired.', 'Refresh the attestation, and check the appliance’s clock.'),
  CHAIN_NOT_YET_VALID: reason(1, 'A certificate of the attestation is not valid yet.', 'Check the appliance’s clock.'),
  CERT_MALFORMED: reason(
    1,
    'A certificate of the attestation is malformed.',
    'Refresh the attestation; if it stays so, treat the Mac as tampered with.',
  ),
  CERT_REVOKED: reason(
    1,
    'A certificate of the attestation, or the MDM identity, has been revoked.',
    'Enroll the Mac anew; the revoked certificate counts for nothing from now on.',
  ),
  LEAF_IS_CA: reason(1, 'The attested certificate is not marked as an end-entity certificate.', 'Treat the Mac as tampered with.'),
  LEAF_NAME_MISMATCH: reason(1, 'The attested certificate is not named after its own key.', 'Treat the Mac as tampered with.'),
  ISSUER_NOT_CA: reason(1, 'An issuer in the attestation may not issue certificates.', 'Treat the Mac as tampered with.'),
  ISSUER_NAME_UNEXPECTED: reason(
    1,
    'An intermediate certificate does not carry the name of Apple’s attestation authority.',
    'Update the appliance; Apple may have renamed its authority.',
  ),
  PATH_TOO_LONG: reason(1, 'The certificate chain is longer than its issuer permits.', 'Treat the Mac as tampered with.'),
  ALG_NOT_ALLOWED: reason(
    1,
    'The attestation uses a key or signature algorithm that is not allowed.',
    'Only P-256 and P-384 with SHA-256 or SHA-384 are accepted. Treat the Mac as tampered with.',
  ),
  EXT_DUPLICATE: reason(1, 'A certificate of the attestation states something twice.', 'Treat the Mac as tampered with.'),
  EXT_MALFORMED: reason(
    1,
    'An extension of the attestation is malformed.',
    'Refresh the attestation; if it stays so, treat the Mac as tampered with.',
  ),
  EXT_UNKNOWN_CRITICAL: reason(1, 'The attestation holds a critical extension that this version does not know.', 'Update the appliance.'),
  TEST_ROOT_IN_PRODUCTION: reason(
    1,
    'The attestation is under the evaluation root, which production refuses.',
    'Enroll a real Mac; a software Mac is for evaluation only.',
  ),
  SOFTWARE_MAC: reason(
    1,
    'This Mac is made of software, which the policy refuses.',
    'Enroll a real Mac; a software Mac is for evaluation only.',
  ),
  FRESHNESS_MISSING: reason(1, 'The attestation carries no freshness code.', 'Refresh the attestation.'),
  FRESHNESS_MISMATCH: reason(1, 'The attestation’s freshness code is not the one asked for.', 'Refresh the attestation.'),
  FRESHNESS_UNKNOWN: reason(
    1,
    'The attestation answers a question that this appliance never asked this Mac.',
    'Refresh the attestation. Apple may repeat an older one for up to seven days.',
  ),
  ATTESTATION_CACHED: reason(1, 'Apple repeated an older attestation.', 'Wait: Apple makes a new one at most every seven days.'),
  ATTESTATION_STALE: reason(
    1,
    'The attestation is older than the policy allows.',
    'Refresh the attestation; the Mac must be awake and online.',
  ),
  REPLAYED: reason(1, 'The attestation was used before by another enrollment.', 'Treat the Mac as tampered with.'),
  SERIAL_MISSING: reason(
    1,
    'The attestation names no serial number.',
    'Enroll the Mac as a device, not as a user; user enrollment is anonymous.',
  ),
  SERIAL_MISMATCH: reason(1, 'The attestation is about another Mac.', 'Treat the Mac as tampered with.'),
  UDID_MISSING: reason(
    1,
    'The attestation names no device identifier (UDID).',
    'Enroll the Mac as a device, not as a user; user enrollment is anonymous.',
  ),
  UDID_MISMATCH: reason(
    1,
    'The attested device identifier (UDID) is not that of this enrollment.',
    'Enroll the Mac anew; if it stays so, treat it as tampered with.',
  ),
  SIP_UNKNOWN: reason(
    1,
    'Apple does not say whether System Integrity Protection is on.',
    'Update macOS to 14.2 or later and refresh the attestation.',
  ),
  SIP_DISABLED: reason(
    1,
    'System Integrity Protection is off.',
    'Start the Mac in macOS Recovery, run “csrutil enable”, restart, and refresh the attestation.',
  ),
  BOOT_UNKNOWN: reason(1, 'Apple does not say how securely the Mac starts.', 'Update macOS to 14.2 or later and refresh the attestation.'),
  BOOT_REDUCED: reason(
    1,
    'The Mac starts with Reduced Security.',
    'Choose Full Security in Startup Security Utility (macOS Recovery) and refresh the attestation.',
  ),
  BOOT_PERMISSIVE: reason(
    1,
    'The Mac starts with Permissive Security.',
    'Choose Full Security in Startup Security Utility (macOS Recovery) and refresh the attestation.',
  ),
  KEXT_UNKNOWN: reason(
    1,
    'Apple does not say whether third-party kernel extensions are allowed.',
    'Update macOS to 14.2 or later and refresh the attestation.',
  ),
  KEXT_ALLOWED: reason(
    1,
    'Third-party kernel extensions are allowed.',
    'Forbid them in Startup Security Utility (macOS Recovery) and refresh the attestation.',
  ),
  OS_UNKNOWN: reason(1, 'Apple does not say which macOS the Mac runs.', 'Update macOS to 14.2 or later and refresh the attestation.'),
  OS_TOO_OLD: waivable(1, 'The attested macOS is older than the policy allows.', 'Update macOS and refresh the attestation.'),
  PROPERTY_UNKNOWN: waivable(1, 'Apple left out a property that the policy requires.', 'Update macOS and refresh the attestation.'),
  HW_UNSUPPORTED: reason(
    1,
    'This Mac cannot be attested.',
    'Use a Mac with Apple silicon and macOS 14.2 or later; Intel Macs and virtual machines cannot take part.',
  ),
  // 2: channel
  EXTERNAL_MANAGEMENT: reason(
    2,
    'The Mac is managed by another MDM server, which the policy does not allow.',
    'Move the Mac to this appliance, or allow external management in the policy.',
  ),
  NO_CHANNEL_ATTESTATION: reason(2, 'The key of the MDM channel has not been attested by Apple.', 'Enroll the Mac anew.'),
  ATTESTATION_MALFORMED: reason(2, 'The attestation is malformed.', 'Enroll the Mac anew; if it stays so, treat it as tampered with.'),
  ATTESTATION_FORMAT_UNSUPPORTED: reason(
    2,
    'The attestation is of a kind that is not accepted.',
    'Only Apple’s own attestation (“apple”) counts.',
  ),
  CSR_KEY_MISMATCH: reason(2, 'The MDM identity was issued to another key than the attested one.', 'Enroll the Mac anew.'),
  CLIENT_ID_REUSED: reason(2, 'The one-time enrollment code was used before.', 'Send a new enrollment link.'),
  CLIENT_ID_EXPIRED: reason(2, 'The one-time enrollment code has expired.', 'Send a new enrollment link.'),
  CERT_NOT_BOUND: reason(2, 'The MDM identity is not bound to this enrollment.', 'Enroll the Mac anew.'),
  CERT_EXPIRED: reason(2, 'The MDM identity has expired or is not valid yet.', 'Enroll the Mac anew, and check the appliance’s clock.'),
  CERT_REUSED: reason(2, 'The MDM identity belongs to another enrollment.', 'Enroll the Mac anew.'),
  RIGHTS_INSUFFICIENT: reason(
    2,
    'The enrollment does not let the appliance read what it must.',
    'Enroll the Mac anew with the present profile; rights cannot be added later.',
  ),
  PUSH_CERT_EXPIRED: reason(2, 'The push certificate has expired.', 'Renew it on the same Apple account.'),
  MDM_SILENT: reason(
    2,
    'The Mac does not answer over MDM.',
    'Wake the Mac and check that it reaches the appliance and Apple’s push service.',
  ),
  // 3: key
  AGENT_KEY_UNBOUND: reason(
    3,
    'The agent’s key is not bound to this Mac.',
    'Keep the agent running; it proves its key as soon as the Mac receives its ticket over MDM.',
  ),
  KEY_REVOKED: reason(3, 'The agent’s key, or an attested key, has been revoked.', 'Reinstall the agent, so that it makes a new key.'),
  KEY_BINDING_TOO_WEAK: reason(
    3,
    'The agent’s key is bound more weakly than the policy asks for.',
    'Use a stronger binding, or lower the policy’s minimum.',
  ),
  STALE_KEY_BINDING: reason(
    3,
    'The attestation commits to an earlier key of the agent.',
    'Wait for a new attestation; Apple makes one at most every seven days.',
  ),
  MDM_SECRET_MISMATCH: reason(
    3,
    'The agent’s proof does not match the ticket sent over MDM.',
    'Restart the agent; if it stays so, treat the Mac as tampered with.',
  ),
  PSSO_KEY_MISMATCH: reason(3, 'The key attested by Platform SSO is not the agent’s.', 'Register Platform SSO on the Mac again.'),
  // 4: code (policy, never proof)
  CODE_UNKNOWN: reason(4, 'The agent has not said which release it is.', 'Start the agent; it reports its release with its first answer.'),
  RELEASE_NOT_ALLOWED: waivable(
    4,
    'The agent’s release is not on the allow-list.',
    'Update the agent, or allow this release in the policy.',
  ),
  RDMA_ENABLED: waivable(
    4,
    'Remote direct memory access (RDMA) is enabled.',
    'Disable RDMA over Thunderbolt in macOS Recovery (“rdma_ctl disable”).',
  ),
  // 5: liveness
  NO_SESSION: reason(5, 'The agent is not connected.', 'Wake the Mac and check that the agent runs and reaches the appliance.'),
  CHALLENGE_MISSED: reason(
    5,
    'The agent does not answer its challenges.',
    'Check the Mac’s network and load; it counts again after one answer.',
  ),
  CHALLENGE_BAD_SIG: reason(5, 'The agent’s answer was signed wrongly.', 'Treat the Mac as tampered with.'),
  CLOCK_SKEW: reason(5, 'A time lies in the future.', 'Correct the clocks of the Mac and of the appliance.'),
  // 6: boot
  BOOT_SESSION_CHANGED: reason(
    6,
    'The Mac has restarted since it was attested.',
    'Refresh the attestation: what a restart may have changed is unproven until then.',
  ),
  BOOT_UNPROVEN: reason(
    6,
    'The Mac was silent for more than a minute since it was attested, and may have restarted.',
    'Keep the Mac awake and online; its attestation is refreshed by itself.',
  ),
  // 7: cross-check
  SECURITYINFO_MISSING: reason(
    7,
    'The Mac has not reported its security settings.',
    'Keep the Mac awake and online, then refresh its security report.',
  ),
  SECURITYINFO_STALE: reason(
    7,
    'The Mac’s report of its security settings is too old.',
    'Refresh its security report; the Mac must be awake and online.',
  ),
  SECURITYINFO_INCOMPLETE: reason(
    7,
    'The Mac’s security report leaves out what the policy asks for.',
    'Refresh its security report; if it stays so, enroll the Mac anew.',
  ),
  SIP_CONFLICT: reason(
    7,
    'The Mac contradicts Apple on System Integrity Protection.',
    'Refresh both reports; if it stays so, treat the Mac as tampered with.',
  ),
  BOOT_CONFLICT: reason(
    7,
    'The Mac contradicts Apple on how securely it starts.',
    'Refresh both reports; if it stays so, treat the Mac as tampered with.',
  ),
  OS_CONFLICT: reason(
    7,
    'The agent reports an older macOS than Apple attested.',
    'Refresh the attestation; if it stays so, treat the Mac as tampered with.',
  ),
  FDE_OFF: waivable(7, 'FileVault is off.', 'Turn FileVault on.'),
  ARV_OFF: waivable(7, 'The system volume is not authenticated.', 'Run “csrutil authenticated-root enable” in macOS Recovery.'),
  EXTERNAL_BOOT_ALLOWED: waivable(7, 'The Mac may start from external media.', 'Disallow it in Startup Security Utility (macOS Recovery).'),
  REMOTE_DESKTOP_ON: waivable(7, 'Remote management (screen sharing) is on.', 'Turn it off, or let the appliance do so over MDM.'),
  USER_ENROLLMENT: reason(7, 'The Mac is enrolled for a user, which hides its identity.', 'Enroll it as a device.'),
  ENROLLMENT_NOT_AUTOMATED: waivable(
    7,
    'The Mac did not come in through Automated Device Enrollment, which the policy requires.',
    'Assign the Mac to this appliance in Apple Business, erase it and let it enroll itself.',
  ),
  ENROLLMENT_NOT_APPROVED: waivable(
    7,
    'The enrollment was neither automated nor approved by a user.',
    'Approve it under System Settings, General, Device Management.',
  ),
} as const satisfies Record<string, Reason>

export type TrustItem = 1 | 2 | 3 | 4 | 5 | 6 | 7
export type Reason = { item: TrustItem; sentence: string; remedy: string; isWaivable: boolean }
export type ReasonCode = keyof typeof REASONS

export const REASON_CODES = Object.keys(REASONS) as ReasonCode[]

export const describeReason = (code: ReasonCode): Reason => REASONS[code]

/** One thing found wrong. `detail` names the particulars for whoever looks closer; it holds no secret. */
export type Finding = { code: ReasonCode; detail?: string }

function reason(item: TrustItem, sentence: string, remedy: string): Reason {
  return { item, sentence, remedy, isWaivable: false }
}

function waivable(item: TrustItem, sentence: string, remedy: string): Reason {
  return { item, sentence, remedy, isWaivable: true }
}
