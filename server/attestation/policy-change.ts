import type { Policy, Waiver, WaiverScope } from './policy.ts'
import { policyFor } from './policy.ts'
import { type Effect, effectOf, SETTING_NAMES, say, saySetting } from './policy-settings.ts'
import { describeReason } from './reasons.ts'

/** One difference between two policies, in a sentence. */
export type Change = { sentence: string; effect: Effect }

type Release = Policy['releases'][number]

/**
 * Every difference between two policies. Anything that can let a Mac in that was out before lowers trust. The law that the tests hold
 * it to: if nothing here lowers, then no Mac refused under `from` is trusted under `to`, whatever its evidence and its pool.
 */
export function compare(from: Policy, to: Policy): Change[] {
  return [...settingChanges(from, to), ...poolChanges(from, to), ...releaseChanges(from, to), ...waiverChanges(from, to)]
}

export const lowersTrust = (changes: readonly Change[]): boolean => changes.some(({ effect }) => effect === 'lowers')

type Place = { id: string; pool: string | null }

/** What going to another pool, and from one policy to another, means for one Mac: pools have rules and waivers of their own. */
export function compareForMac(from: Policy, to: Policy, mac: { id: string; from: string | null; to: string | null }): Change[] {
  const before = { id: mac.id, pool: mac.from }
  const after = { id: mac.id, pool: mac.to }
  const rules = settingChanges(policyFor(from, mac.from), policyFor(to, mac.to))
  const granted = waiversOf(to, after).filter((waiver) => !waiversOf(from, before).some((old) => isSpanCovered(waiver, old)))
  return [...rules, ...granted.map((waiver): Change => ({ effect: 'lowers', sentence: `${nameWaiver(waiver)} applies there.` }))]
}

function waiversOf(policy: Policy, mac: Place): Waiver[] {
  return policy.waivers.filter(
    ({ scope }) =>
      scope.kind === 'all' || (scope.kind === 'pool' && scope.pool === mac.pool) || (scope.kind === 'mac' && scope.mac === mac.id),
  )
}

function settingChanges(from: Policy, to: Policy): Change[] {
  return SETTING_NAMES.flatMap((name) => {
    const effect = effectOf(from, to, name)
    return effect === undefined ? [] : [{ effect, sentence: `${saySetting(to, name)} Before: ${saySetting(from, name)}` }]
  })
}

/** A pool that is not there has everyone's rules, so one that goes or comes changes those of its Macs. */
function poolChanges(from: Policy, to: Policy): Change[] {
  const names = [...new Set([...from.pools, ...to.pools].map(({ name }) => name))]
  return names.flatMap((name) => {
    const news = presence(from, to, name)
    const own = settingChanges(policyFor(from, name), policyFor(to, name)).filter((change) => !isEveryones(change, from, to))
    return [...news, ...own.map((change) => ({ ...change, sentence: `Pool “${name}”: ${change.sentence}` }))]
  })
}

/** What changes for the pool in the very words in which it changes for everyone is said once. */
function isEveryones(change: Change, from: Policy, to: Policy): boolean {
  return settingChanges(from, to).some(({ sentence, effect }) => sentence === change.sentence && effect === change.effect)
}

function presence(from: Policy, to: Policy, name: string): Change[] {
  const was = from.pools.some((pool) => pool.name === name)
  const is = to.pools.some((pool) => pool.name === name)
  if (was === is) return []
  return [{ effect: 'neutral', sentence: is ? `Pool “${name}” is new.` : `Pool “${name}” is gone; its Macs go by everyone’s rules.` }]
}

function releaseChanges(from: Policy, to: Policy): Change[] {
  const isCovered = (one: Release, by: readonly Release[]): boolean => by.some((other) => admits(other, one))
  return [
    ...to.releases
      .filter((release) => !isCovered(release, from.releases))
      .map((release): Change => ({ effect: 'lowers', sentence: `Agent release ${nameRelease(release)} may serve.` })),
    ...from.releases
      .filter((release) => !isCovered(release, to.releases))
      .map((release): Change => ({ effect: 'raises', sentence: `Agent release ${nameRelease(release)} may serve no longer.` })),
  ]
}

/** Whatever `narrow` lets in, `wide` lets in too. */
const admits = (wide: Release, narrow: Release): boolean =>
  wide.agentVersion === narrow.agentVersion &&
  (wide.codeHash === undefined || wide.codeHash === narrow.codeHash) &&
  (wide.teamId === undefined || wide.teamId === narrow.teamId)

function nameRelease({ agentVersion, codeHash, teamId }: Release): string {
  const limits = [codeHash && `code ${codeHash.slice(0, 12)}…`, teamId && `team ${teamId}`].filter(Boolean).join(', ')
  return limits === '' ? agentVersion : `${agentVersion} (${limits})`
}

function waiverChanges(from: Policy, to: Policy): Change[] {
  const isCovered = (one: Waiver, by: readonly Waiver[]): boolean => by.some((other) => isWaiverCovered(one, other))
  return [
    ...to.waivers
      .filter((waiver) => !isCovered(waiver, from.waivers))
      .map(
        (waiver): Change => ({ effect: 'lowers', sentence: `${nameWaiver(waiver)} until ${waiver.until.slice(0, 16)}Z: ${waiver.why}` }),
      ),
    ...from.waivers
      .filter((waiver) => !isCovered(waiver, to.waivers))
      .map((waiver): Change => ({ effect: 'raises', sentence: `${nameWaiver(waiver)} ends${endOf(waiver, to)}.` })),
  ]
}

function endOf(waiver: Waiver, to: Policy): string {
  const kept = to.waivers.find(({ id }) => id === waiver.id)
  return kept === undefined ? '' : ` at ${kept.until.slice(0, 16)}Z, earlier than planned`
}

/** All that `narrow` excuses, `wide` excuses too, for as long. */
const isWaiverCovered = (narrow: Waiver, wide: Waiver): boolean => isScopeCovered(narrow.scope, wide.scope) && isSpanCovered(narrow, wide)

const isSpanCovered = (narrow: Waiver, wide: Waiver): boolean =>
  narrow.code === wide.code && Date.parse(wide.from) <= Date.parse(narrow.from) && Date.parse(narrow.until) <= Date.parse(wide.until)

function isScopeCovered(narrow: WaiverScope, wide: WaiverScope): boolean {
  if (wide.kind === 'all') return true
  if (wide.kind === 'pool') return narrow.kind === 'pool' && narrow.pool === wide.pool
  return narrow.kind === 'mac' && narrow.mac === wide.mac
}

/** “FileVault is off” is excused for Mac mac_…: what a waiver does, without its end. */
export function nameWaiver({ code, scope }: Waiver): string {
  const who = {
    mac: () => `Mac ${'mac' in scope ? scope.mac : ''}`,
    pool: () => `pool “${'pool' in scope ? scope.pool : ''}”`,
    all: () => 'every Mac',
  }
  return `The waiver of “${describeReason(code).sentence.slice(0, -1)}” for ${who[scope.kind]()}`
}

/** A policy in sentences, as people read it. */
export function describePolicy(policy: Policy): { title: string; sentences: string[] }[] {
  const pools = policy.pools.map(({ name, rules }) => ({
    title: `Pool “${name}”`,
    sentences: SETTING_NAMES.filter((setting) => setting in rules && rules[setting as keyof typeof rules] !== undefined).map((setting) =>
      saySetting(policyFor(policy, name), setting),
    ),
  }))
  const releases = policy.releases.map((release) => `Agent release ${nameRelease(release)} may serve.`)
  return [
    ...SECTIONS.map(({ title, settings }) => ({ title, sentences: settings.map((name) => say(name, policy[name])) })),
    { title: 'Agent', sentences: releases.length === 0 ? ['No agent release may serve.'] : releases },
    ...pools.map((pool) => (pool.sentences.length > 0 ? pool : { ...pool, sentences: ['Goes by everyone’s rules.'] })),
  ]
}

const SECTIONS = [
  { title: 'Age of evidence', settings: ['maxEvidenceAgeMs', 'warnEvidenceAgeMs', 'maxSecurityInfoAgeMs', 'mdmSilentAfterMs', 'bootGap'] },
  { title: 'The Mac', settings: ['minimumOs', 'requiredProperties', 'allowEvaluation', 'allowRdma'] },
  { title: 'Its key', settings: ['minimumKeyBinding'] },
  { title: 'Its security settings', settings: ['requireFileVault', 'requireAuthenticatedRoot', 'allowExternalBoot', 'allowRemoteDesktop'] },
  { title: 'Its enrollment', settings: ['requireApprovedEnrollment', 'requireAutomatedEnrollment', 'allowExternalManagement'] },
] as const satisfies readonly { title: string; settings: readonly (typeof SETTING_NAMES)[number][] }[]
