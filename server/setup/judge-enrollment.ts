import type { Judged, SetupFacts } from './facts.ts'

const DAY_MS = 24 * 3600_000
const SOON_DAYS = 30

/** Who signs the profiles that people approve, and what a Mac shows of it. */
export function judgeSigner({ signer }: SetupFacts, now: Date): Judged {
  if (signer === null) {
    const sentence = 'This appliance signs enrollment profiles with a key of its own; macOS shows them as unverified.'
    return { state: 'todo', sentence, remedy: 'Import a signing certificate of the company’s, so that people see who asks them.' }
  }
  const days = Math.ceil((signer.notAfter.getTime() - now.getTime()) / DAY_MS)
  if (signer.isExpired || days <= 0) {
    const sentence = `The signing certificate has expired; this appliance’s own key signs in its place.`
    return { state: 'wrong', sentence, remedy: 'Import its successor.' }
  }
  if (days < SOON_DAYS) {
    return {
      state: 'wrong',
      sentence: `The signing certificate expires in ${days} ${days === 1 ? 'day' : 'days'}.`,
      remedy: 'Import its successor.',
    }
  }
  if (signer.verifiedBy === 'nobody') {
    const sentence = `${signer.subject} signs, and no authority known here vouches for it: macOS shows profiles as unverified.`
    return { state: 'todo', sentence, remedy: 'Put the intermediates into the file, or list the company’s root under Public address.' }
  }
  const where = signer.verifiedBy === 'everybody' ? 'every Mac' : 'Macs that trust the company’s authority'
  return { state: 'done', sentence: `${signer.subject} signs; ${where} show profiles as verified.` }
}

/** Macs that another MDM server manages now. */
export function judgeMigration({ moving, inventory }: SetupFacts, now: Date): Judged {
  if (moving.next !== null) {
    const { deadline } = moving.next
    const many = moving.total === 1 ? '1 Mac is' : `${moving.total} Macs are`
    if (deadline <= now) {
      const sentence = `${many} to move here from another MDM server, and a deadline has passed on ${day(deadline)}.`
      return { state: 'wrong', sentence, remedy: 'Such a Mac is off, or its managed user is not signed in.' }
    }
    return {
      state: 'todo',
      sentence: `${many} to move here from another MDM server, the first by ${day(deadline)}.`,
      remedy: 'They come by themselves.',
    }
  }
  if (inventory.external > 0) {
    const many = inventory.external === 1 ? '1 Mac belongs' : `${inventory.external} Macs belong`
    return {
      state: 'todo',
      sentence: `${many} to another MDM server and can be attested, not managed.`,
      remedy: 'Move them here, so that they can serve.',
    }
  }
  return { state: 'not-needed', sentence: 'No Mac of another MDM server is expected. If there are some, this page has three ways.' }
}

const day = (at: Date): string => at.toISOString().slice(0, 10)
