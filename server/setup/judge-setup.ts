import type { Judged, SetupFacts, SetupStep, StepId } from './facts.ts'
import { judgeAddress, judgeServerTrust } from './judge-address.ts'
import { judgeMigration, judgeSigner } from './judge-enrollment.ts'

type Step = { title: string; href: string | null; isOptional?: boolean; judge: (facts: SetupFacts, now: Date) => Judged }

const STEPS: Record<StepId, Step> = {
  'public-address': { title: 'Public address', href: '/setup/address', judge: judgeAddress },
  'server-trust': { title: 'Trust in the server', href: '/setup/address', judge: judgeServerTrust },
  secret: { title: 'Secret of this installation', href: null, judge: judgeSecret },
  people: { title: 'People who administer', href: '/people', judge: judgePeople },
  push: { title: 'Push certificate', href: '/setup/push', judge: judgePush },
  egress: { title: 'Outside hosts', href: '/setup/egress', judge: judgeEgress },
  inventory: { title: 'Inventory', href: '/macs/import', judge: judgeInventory },
  'apple-business': { title: 'Apple Business', href: '/setup/apple-business', isOptional: true, judge: judgeAppleBusiness },
  signer: { title: 'Signing identity', href: '/setup/signer', isOptional: true, judge: judgeSigner },
  migration: { title: 'Moving from another MDM', href: '/setup/migration', isOptional: true, judge: judgeMigration },
  'first-mac': { title: 'First trusted Mac', href: '/macs', judge: judgeFirstMac },
}

/**
 * How far the set-up has come: every step with its state, in the order in which to take them. Pure: what is found is found before.
 * In evaluation nothing of it is needed, and each step says what production would ask for.
 */
export function judgeSetup(facts: SetupFacts, now: Date): SetupStep[] {
  return (Object.entries(STEPS) as [StepId, Step][]).map(([id, { title, href, isOptional = false, judge }]) => {
    const { remedy = null, ...judged } = judge(facts, now)
    return { id, title, href, isOptional, remedy, ...judged }
  })
}

/** Steps that stand between this and production: what is needed and not there, and whatever is wrong. */
export const countLeft = (steps: readonly SetupStep[]): number =>
  steps.filter(({ state, isOptional }) => state === 'wrong' || (state === 'todo' && !isOptional)).length

const inEvaluation = (sentence: string): Judged => ({
  state: 'not-needed',
  sentence: `Not needed for evaluation. In production: ${sentence}`,
})

function judgeSecret({ mode, secret }: SetupFacts): Judged {
  if (mode === 'evaluation')
    return inEvaluation('ESPALIER_SECRET is set from outside, and a copy of it lies apart from the database’s backups.')
  if (secret.source === 'generated') {
    const sentence = 'The secret that seals every key was generated here.'
    return { state: 'wrong', sentence, remedy: 'Set ESPALIER_SECRET yourself (openssl rand -base64 32), and keep a copy in a safe.' }
  }
  if (secret.previous > 0) {
    const sentence = 'ESPALIER_SECRET was replaced; everything was sealed anew at the last start.'
    return { state: 'todo', sentence, remedy: 'Take ESPALIER_PREVIOUS_SECRETS out of the configuration, once no older backup is needed.' }
  }
  const sentence =
    'It comes from outside. Whether a copy of it lies in a safe, apart from the backups, only you know: without it no backup can be read.'
  return { state: 'done', sentence }
}

function judgePeople({ mode, people }: SetupFacts): Judged {
  const { approvers, owners, ownersWithoutSecondFactor: bare } = people
  if (mode === 'evaluation') return inEvaluation('two people may approve a change of policy, and every owner has a second factor.')
  if (approvers < 2) {
    const sentence = 'One person alone administers. Whatever lowers trust needs a second one to approve it, or waits for a day.'
    return { state: 'todo', sentence, remedy: 'Invite a second owner, IT admin or security officer.' }
  }
  if (bare > 0) {
    const sentence = bare === 1 && owners === 1 ? 'The owner has no second factor.' : `${bare} of ${owners} owners have no second factor.`
    return { state: 'todo', sentence, remedy: 'Each sets one up under Account; under People a role can be told to need it.' }
  }
  return { state: 'done', sentence: `${approvers} people may approve changes, and every owner has a second factor.` }
}

function judgePush({ mode, push }: SetupFacts): Judged {
  const { installed, service } = push
  if (mode === 'evaluation') return inEvaluation('a push certificate of Apple’s, without which no Mac can be woken or invited.')
  if (installed === null) {
    return {
      state: 'todo',
      sentence: 'No push certificate is installed: no Mac can be invited.',
      remedy: 'Obtain one from Apple, in four steps.',
    }
  }
  if (installed.fault !== null) {
    return {
      state: 'wrong',
      sentence: 'The push certificate has expired: no Mac can be woken.',
      remedy: 'Renew it with the Apple account that it was made with.',
    }
  }
  if (service.state === 'refused') {
    return {
      state: 'wrong',
      sentence: `Apple’s push service refuses our pushes: ${service.reason ?? 'without a reason'}.`,
      remedy: 'Look at the certificate.',
    }
  }
  if (service.state === 'unreachable') {
    return {
      state: 'wrong',
      sentence: 'Apple’s push service cannot be reached.',
      remedy: 'Let this machine reach api.push.apple.com on port 443.',
    }
  }
  if (installed.daysLeft < 30) {
    return {
      state: 'wrong',
      sentence: `The push certificate expires in ${installed.daysLeft} days.`,
      remedy: 'Renew it with the Apple account that it was made with.',
    }
  }
  return { state: 'done', sentence: `Installed, and good for ${installed.daysLeft} more days.` }
}

function judgeEgress({ mode, egress, appleBusiness }: SetupFacts): Judged {
  if (mode === 'evaluation') return inEvaluation('this machine reaches Apple’s push service, and Apple Business where it is used.')
  const needed = egress.hosts.filter(({ when }) => when === 'always' || (when === 'apple-business' && appleBusiness.length > 0))
  const results = needed.map(({ id }) => egress.results.find((result) => result.id === id))
  const failed = results.find((result) => result?.isReached === false)
  if (failed !== undefined) return { state: 'wrong', sentence: failed.sentence, remedy: 'Then try again.' }
  if (results.includes(undefined)) {
    return {
      state: 'todo',
      sentence: 'Whether Apple’s servers can be reached has not been tried since the appliance started.',
      remedy: 'Try it now.',
    }
  }
  return {
    state: 'done',
    sentence: `${needed.length === 1 ? 'The one host that is' : `The ${needed.length} hosts that are`} needed can be reached.`,
  }
}

function judgeInventory({ inventory }: SetupFacts): Judged {
  if (inventory.macs === 0) {
    return {
      state: 'todo',
      sentence: 'The inventory is empty; only Macs that stand in it may enroll.',
      remedy: 'Import a list, or link Apple Business.',
    }
  }
  return { state: 'done', sentence: `${inventory.macs === 1 ? '1 Mac stands' : `${inventory.macs} Macs stand`} in it.` }
}

function judgeAppleBusiness({ appleBusiness }: SetupFacts): Judged {
  const failing = appleBusiness.find(({ state }) => state === 'failing')
  if (failing !== undefined) {
    return { state: 'wrong', sentence: failing.fault?.sentence ?? 'A link does not work.', remedy: 'Look at the link.' }
  }
  if (appleBusiness.length === 0) {
    const sentence = 'Not linked: every Mac is enrolled by a link that its user opens, and its user can remove it again.'
    return { state: 'todo', sentence, remedy: 'Link it, so that Macs of the company enroll by themselves and cannot leave.' }
  }
  if (appleBusiness.some(({ state }) => state === 'waiting')) {
    return {
      state: 'todo',
      sentence: 'A link waits for its server token.',
      remedy: 'Upload the public key to Apple Business, and its token here.',
    }
  }
  const devices = appleBusiness.reduce((sum, link) => sum + link.devices, 0)
  return { state: 'done', sentence: `Linked; ${devices === 1 ? '1 Mac is' : `${devices} Macs are`} assigned to this appliance.` }
}

function judgeFirstMac({ inventory }: SetupFacts): Judged {
  const { trusted, enrolled } = inventory
  if (trusted > 0) return { state: 'done', sentence: `${trusted === 1 ? '1 Mac is' : `${trusted} Macs are`} trusted.` }
  if (enrolled > 0) {
    return {
      state: 'todo',
      sentence: `${enrolled === 1 ? '1 Mac is' : `${enrolled} Macs are`} enrolled, and none is trusted yet.`,
      remedy: 'Its page names each check that is still missing.',
    }
  }
  return { state: 'todo', sentence: 'No Mac has enrolled yet.', remedy: 'Make a link for the first one, and follow its page.' }
}
