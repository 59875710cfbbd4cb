import type { PolicyDraft } from '../api.ts'

/** Every setting as the form asks for it. A setting of the policy without a line here does not compile. */

type Settings = Omit<PolicyDraft, 'releases' | 'pools' | 'waivers'>
export type SettingName = keyof Settings
export type SettingValue = Settings[SettingName]

export type SettingField =
  | { kind: 'hours'; label: string; hint?: string; min: number; max: number }
  | { kind: 'text'; label: string; hint?: string; pattern: string }
  | { kind: 'switch'; label: string; hint?: string }
  | { kind: 'choice'; label: string; hint?: string; options: readonly { value: string; word: string }[] }
  | { kind: 'several'; label: string; hint?: string; options: readonly { value: string; word: string }[] }
  | { kind: 'grace'; label: string; hint?: string }

const DAY_H = 24

export const SETTING_FIELDS: Record<SettingName, SettingField> = {
  maxEvidenceAgeMs: {
    kind: 'hours',
    label: 'Apple’s attestation: maximum age (hours)',
    hint: '192 hours, eight days, is the most.',
    min: 1,
    max: 8 * DAY_H,
  },
  warnEvidenceAgeMs: { kind: 'hours', label: 'Shown as old from (hours)', hint: 'Decides nothing.', min: 1, max: 8 * DAY_H },
  maxSecurityInfoAgeMs: { kind: 'hours', label: 'Report of security settings: maximum age (hours)', min: 1, max: 8 * DAY_H },
  mdmSilentAfterMs: { kind: 'hours', label: 'Refused when silent over MDM for (hours)', min: 1, max: 30 * DAY_H },
  bootGap: { kind: 'grace', label: 'After a restart' },
  minimumOs: { kind: 'text', label: 'Oldest macOS', hint: 'For example 14.2 or 26.', pattern: '\\d{1,4}(\\.\\d{1,4}){0,3}' },
  requiredProperties: {
    kind: 'several',
    label: 'Apple must state',
    options: [
      { value: 'softwareUpdateDeviceId', word: 'the software update identifier' },
      { value: 'sepOsVersion', word: 'the sepOS version' },
      { value: 'llbVersion', word: 'the boot loader’s version' },
    ],
  },
  minimumKeyBinding: {
    kind: 'choice',
    label: 'The agent’s key must be bound by at least',
    options: [
      { value: 'ticket', word: 'a ticket over MDM' },
      { value: 'mdm-signed', word: 'the Mac’s MDM client, signed' },
      { value: 'apple', word: 'Apple’s attestation of the key' },
    ],
  },
  requireFileVault: { kind: 'switch', label: 'FileVault must be on' },
  requireAuthenticatedRoot: { kind: 'switch', label: 'The system volume must be authenticated' },
  allowExternalBoot: { kind: 'switch', label: 'Starting from external media may be allowed' },
  allowRemoteDesktop: { kind: 'switch', label: 'Remote management may be on' },
  requireApprovedEnrollment: { kind: 'switch', label: 'Enrollment must be automated or approved by a user' },
  requireAutomatedEnrollment: { kind: 'switch', label: 'Enrollment must be automated' },
  allowExternalManagement: {
    kind: 'switch',
    label: 'Macs of another MDM server may be trusted',
    hint: 'Only with a key that Apple attested.',
  },
  allowRdma: { kind: 'switch', label: 'RDMA may be on' },
  allowEvaluation: {
    kind: 'switch',
    label: 'Macs made of software may be trusted',
    hint: 'For evaluation alone: nothing about them is proven by Apple.',
  },
}

export const GROUPS: readonly { title: string; settings: readonly SettingName[] }[] = [
  { title: 'Age of evidence', settings: ['maxEvidenceAgeMs', 'warnEvidenceAgeMs', 'maxSecurityInfoAgeMs', 'mdmSilentAfterMs', 'bootGap'] },
  { title: 'The Mac and its key', settings: ['minimumOs', 'requiredProperties', 'minimumKeyBinding', 'allowRdma', 'allowEvaluation'] },
  { title: 'Its security settings', settings: ['requireFileVault', 'requireAuthenticatedRoot', 'allowExternalBoot', 'allowRemoteDesktop'] },
  { title: 'Its enrollment', settings: ['requireApprovedEnrollment', 'requireAutomatedEnrollment', 'allowExternalManagement'] },
]

/** Everything but what concerns the whole installation. */
export type PoolSetting = Exclude<SettingName, 'allowEvaluation'>
export const POOL_SETTINGS = GROUPS.flatMap(({ settings }) => settings).filter((name): name is PoolSetting => name !== 'allowEvaluation')
