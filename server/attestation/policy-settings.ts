import { isOlderVersion, KEY_BINDING_LEVELS, type Policy, type Threshold } from './policy.ts'

/** How each setting reads as a sentence, and what it means to change it. One line a setting: a setting without one does not compile. */

/** `lowers`: a Mac that was out may come in. `raises`: only the other way. */
export type Effect = 'lowers' | 'raises' | 'neutral'

type Named = Threshold | 'allowEvaluation'
type Value<Name extends Named> = Policy[Name]
type Setting<Name extends Named> = { say(value: Value<Name>): string; effect(from: Value<Name>, to: Value<Name>): Effect }

/** A number, a version or a list that lets more Macs in the "looser" it is. */
const ordered = (isLooser: boolean): Effect => (isLooser ? 'lowers' : 'raises')
const demand = (on: string, off: string): Setting<Named & `require${string}` & keyof BooleanSettings> => ({
  say: (value) => (value ? on : off),
  effect: (_from, to) => ordered(!to),
})
const permission = (on: string, off: string): Setting<Named & `allow${string}` & keyof BooleanSettings> => ({
  say: (value) => (value ? on : off),
  effect: (_from, to) => ordered(to),
})
type BooleanSettings = { [Name in Named as Policy[Name] extends boolean ? Name : never]: true }

const PROPERTY_NAMES = {
  softwareUpdateDeviceId: 'the software update identifier',
  sepOsVersion: 'the sepOS version',
  llbVersion: 'the boot loader’s version',
}
const BINDINGS = {
  ticket: 'by a ticket sent over the Mac’s own MDM channel, or more strongly',
  'mdm-signed': 'by the Mac’s MDM client under its attested identity, or more strongly',
  apple: 'by Apple’s attestation of that very key',
}

const SETTINGS: { [Name in Named]: Setting<Name> } = {
  maxEvidenceAgeMs: {
    say: (ms) => `Apple’s attestation must be younger than ${duration(ms)}.`,
    effect: (from, to) => ordered(to > from),
  },
  warnEvidenceAgeMs: { say: (ms) => `An attestation is shown as old from ${duration(ms)} on.`, effect: () => 'neutral' },
  maxSecurityInfoAgeMs: {
    say: (ms) => `The Mac’s report of its security settings must be younger than ${duration(ms)}.`,
    effect: (from, to) => ordered(to > from),
  },
  mdmSilentAfterMs: {
    say: (ms) => `A Mac not heard over MDM for ${duration(ms)} is refused.`,
    effect: (from, to) => ordered(to > from),
  },
  minimumOs: {
    say: (version) => `macOS ${version} or later is required.`,
    effect: (from, to) => (isOlderVersion(to, from) ? 'lowers' : isOlderVersion(from, to) ? 'raises' : 'neutral'),
  },
  minimumKeyBinding: {
    say: (level) => `The agent’s key must be bound ${BINDINGS[level]}.`,
    effect: (from, to) => ordered(KEY_BINDING_LEVELS.indexOf(to) < KEY_BINDING_LEVELS.indexOf(from)),
  },
  requiredProperties: {
    say: (names) =>
      names.length === 0
        ? 'Apple may leave out every further property.'
        : `Apple must state ${listed(names.map((name) => PROPERTY_NAMES[name]))}.`,
    effect: (from, to) => {
      if (from.some((name) => !to.includes(name))) return 'lowers'
      return to.some((name) => !from.includes(name)) ? 'raises' : 'neutral'
    },
  },
  requireFileVault: demand('FileVault must be on.', 'FileVault may be off.'),
  requireAuthenticatedRoot: demand('The system volume must be authenticated.', 'The system volume need not be authenticated.'),
  allowExternalBoot: permission('A Mac may allow starting from external media.', 'A Mac must not allow starting from external media.'),
  allowRemoteDesktop: permission('Remote management (screen sharing) may be on.', 'Remote management (screen sharing) must be off.'),
  requireApprovedEnrollment: demand(
    'The enrollment must be automated, or approved by a user on the Mac.',
    'The enrollment need not be approved by a user.',
  ),
  requireAutomatedEnrollment: demand(
    'Only Macs that came in through Automated Device Enrollment are trusted.',
    'Macs may enroll by a link as well as automatically.',
  ),
  allowExternalManagement: permission(
    'Macs managed by another MDM server may be trusted, once Apple has attested their agent’s key.',
    'Macs managed by another MDM server are refused.',
  ),
  allowRdma: permission('Remote direct memory access (RDMA) may be on.', 'Remote direct memory access (RDMA) must be off.'),
  bootGap: {
    say: (gap) =>
      gap.mode === 'refuse'
        ? 'After a restart a Mac is refused until Apple has attested it again.'
        : `After a restart a Mac keeps its trust for ${duration(gap.graceMs)} while Apple attests it again.`,
    effect: (from, to) => {
      const length = (gap: typeof from): number => (gap.mode === 'refuse' ? -1 : gap.graceMs)
      return ordered(length(to) > length(from))
    },
  },
  allowEvaluation: permission(
    'Macs made of software may be trusted, under the evaluation root: nothing about them is proven by Apple.',
    'Macs made of software are refused.',
  ),
}

export const SETTING_NAMES = Object.keys(SETTINGS) as Named[]

export const saySetting = (policy: Policy, name: Named): string => say(name, policy[name])

/** The sentence of one value, which must be one that the setting can have. */
export const say = <Name extends Named>(name: Name, value: Value<Name>): string => SETTINGS[name].say(value)

/** What changing one setting does; undefined where it is the same. */
export function effectOf(from: Policy, to: Policy, name: Named): Effect | undefined {
  return isSame(from[name], to[name]) ? undefined : judge(name, from, to)
}

const judge = <Name extends Named>(name: Name, from: Policy, to: Policy): Effect => SETTINGS[name].effect(from[name], to[name])

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`

const UNITS = [
  ['day', 24 * 3600_000],
  ['hour', 3600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

/** In the largest unit that says it exactly: 36 h is no day and a half. */
export function duration(ms: number): string {
  const [unit, size] = UNITS.find(([, length]) => ms >= length && ms % length === 0) ?? ['millisecond', 1]
  const count = ms / size
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
