import type { RaisedAlert } from '../alerts/alerts.ts'
import type { Watcher } from '../alerts/watch.ts'
import type { SetupDeps } from './deps.ts'
import { type AddressWatch, gatherFacts } from './gather-facts.ts'
import { judgeAddress, judgeServerTrust } from './judge-address.ts'
import { readProfileSigner } from './profile-signer.ts'

const ADDRESS = 'public-address'
const SIGNER = 'profile-signer-expiry'
const DAY_MS = 24 * 3600_000
const PATIENCE_MS = 90_000
const EXPIRY_DAYS = [60, 30, 14, 7, 1] as const

/** What the set-up proved once and may break later. */
export function setupWatchers(deps: SetupDeps, address: AddressWatch): Watcher[] {
  let wrongSince: Date | undefined
  return [
    {
      kind: ADDRESS,
      look: async () => {
        const alerts = await watchPublicAddress(deps, address)
        const now = deps.clock.now()
        wrongSince = alerts.length === 0 ? undefined : (wrongSince ?? now)
        // While this process, or the proxy in front, starts anew there is nobody for a moment.
        return wrongSince !== undefined && now.getTime() - wrongSince.getTime() >= PATIENCE_MS ? alerts : []
      },
    },
    { kind: SIGNER, look: () => watchSigner(deps) },
  ]
}

async function watchPublicAddress(deps: SetupDeps, address: AddressWatch): Promise<RaisedAlert[]> {
  const seen = await address.facts()
  if (seen === null) return []
  const facts = await gatherFacts(deps, seen)
  const [wrong] = [judgeAddress(facts, deps.clock.now()), judgeServerTrust(facts)].filter(({ state }) => state === 'wrong')
  if (wrong === undefined) return []
  const { sentence, remedy = '' } = wrong
  return [{ kind: ADDRESS, subject: 'installation', severity: 'critical', sentence: sentence.slice(0, 500), remedy }]
}

async function watchSigner(deps: SetupDeps): Promise<RaisedAlert[]> {
  const signer = await readProfileSigner(deps)
  if (signer === null) return []
  const leftMs = signer.notAfter.getTime() - deps.clock.now().getTime()
  const stage = EXPIRY_DAYS.filter((days) => leftMs <= days * DAY_MS).length + (leftMs <= 0 ? 1 : 0)
  if (stage === 0) return []
  const days = Math.ceil(leftMs / DAY_MS)
  const when = leftMs <= 0 ? 'has expired' : `expires in ${days} ${days === 1 ? 'day' : 'days'}`
  return [
    {
      ...{ kind: SIGNER, subject: 'key:company-profile-signer', stage },
      severity: leftMs <= 7 * DAY_MS ? 'warning' : 'info',
      sentence: `The certificate that signs enrollment profiles ${when}: macOS then shows new profiles as unverified.`,
      remedy: 'Import its successor under Set-up, Signing identity.',
    },
  ]
}
