import { AdeFault } from '../../mdm/ade/ade-fault.ts'
import { type AdeClient, MAX_PAGE } from '../../mdm/ade/client.ts'
import { type AppleBusinessLinkRow, listDevicesToAssign, noteAssignment, updateLink } from '../store/apple-business.ts'
import { appendAudit } from '../store/audit.ts'
import type { AppleBusinessDeps } from './deps.ts'
import { automatedProfile, profileDigest } from './profile.ts'

/** A serial number that Apple would not assign is tried again after this. */
const RETRY_MS = 3600_000
const MAX_BATCHES_A_ROUND = 20

/** Defines the profile where Apple does not have the present one, and assigns it to the Macs that lack it. */
export async function assignProfiles(deps: AppleBusinessDeps, link: AppleBusinessLinkRow, client: AdeClient): Promise<void> {
  if (!link.assignsNewMacs) return
  const profileUuid = await definePresent(deps, link, client)
  for (let batches = 0; batches < MAX_BATCHES_A_ROUND; batches++) {
    const before = new Date(deps.clock.now().getTime() - RETRY_MS)
    const serials = await listDevicesToAssign(deps.store, { linkId: link.id, profileUuid, before, limit: MAX_PAGE })
    if (serials.length === 0) return
    await assignBatch(deps, { link: link.id, profileUuid, serials }, client)
  }
}

async function definePresent(deps: AppleBusinessDeps, link: AppleBusinessLinkRow, client: AdeClient): Promise<string> {
  const { organization, publicUrl } = deps
  const profile = automatedProfile({ organization, publicUrl, anchors: await deps.trustAnchors() })
  const digest = profileDigest(profile)
  if (link.profileUuid !== null && link.profileDigest === digest) return link.profileUuid
  const { uuid } = await client.defineProfile(profile)
  await updateLink(deps.store, link.id, { profileUuid: uuid, profileDigest: digest })
  return uuid
}

async function assignBatch(
  deps: AppleBusinessDeps,
  { link, profileUuid, serials }: { link: string; profileUuid: string; serials: string[] },
  client: AdeClient,
): Promise<void> {
  const outcomes = await client.assignProfile(profileUuid, serials).catch(async (error: unknown) => {
    // Somebody removed it at Apple's: the next round defines it anew.
    if (error instanceof AdeFault && error.code === 'PROFILE_NOT_FOUND') await updateLink(deps.store, link, { profileUuid: null })
    throw error
  })
  const at = deps.clock.now()
  const byOutcome = Map.groupBy(serials, (serial) => outcomes.get(serial) ?? 'FAILED')
  await deps.store.$transaction(async (tx) => {
    for (const [outcome, of] of byOutcome) await noteAssignment(tx, { serials: of, outcome, profileUuid, at })
    const assigned = byOutcome.get('SUCCESS')?.length ?? 0
    const detail = { profile: profileUuid, assigned, notAssigned: serials.length - assigned }
    await appendAudit(tx, { type: 'apple-business.assigned', subject: link, detail }, { actor: 'system', at })
  })
}
