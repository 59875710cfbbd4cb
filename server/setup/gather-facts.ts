import { X509Certificate } from 'node:crypto'
import { can, ROLES } from '../auth/permissions.ts'
import { countInventory, listMovingMacs } from '../store/inventory.ts'
import { listActivePeople } from '../store/policy-fleet.ts'
import { listSecondFactors } from '../store/second-factors.ts'
import type { SetupDeps } from './deps.ts'
import type { SetupFacts } from './facts.ts'
import { readProfileSigner } from './profile-signer.ts'
import { type AddressFacts, lookAtPublicAddress } from './public-address.ts'
import { trustAnchors } from './trust-anchors.ts'

/** Looks at the public address at most this often by itself, sooner while something is wrong, and sooner still when somebody asks. */
const LOOK_EVERY_MS = 5 * 60_000
const LOOK_AT_FAULT_EVERY_MS = 30_000
const LOOK_AGAIN_MS = 3_000

export type AddressWatch = { facts(again?: boolean): Promise<AddressFacts | null> }

/** The public address as it was last seen. However many ask, one look is under way. */
export function watchAddress(deps: SetupDeps): AddressWatch {
  let seen: AddressFacts | null = null
  let underWay: Promise<AddressFacts> | undefined
  const look = (): Promise<AddressFacts> => {
    underWay ??= lookAtPublicAddress({ ...deps, companyAnchors: () => anchorsInPem(deps) })
      .then((facts) => {
        seen = facts
        return facts
      })
      .finally(() => {
        underWay = undefined
      })
    return underWay
  }
  return {
    facts: async (again = false) => {
      if (deps.mode === 'evaluation' || !deps.publicUrl.startsWith('https:')) return null
      const age = seen === null ? Number.POSITIVE_INFINITY : deps.clock.now().getTime() - seen.checkedAt.getTime()
      const standsForMs = again ? LOOK_AGAIN_MS : seen?.fault === null ? LOOK_EVERY_MS : LOOK_AT_FAULT_EVERY_MS
      return age < standsForMs ? seen : look()
    },
  }
}

const anchorsInPem = async (deps: SetupDeps): Promise<string[]> =>
  (await trustAnchors(deps)).map((der) => new X509Certificate(der).toString())

/** Everything that the set-up is judged by, read anew. */
export async function gatherFacts(deps: SetupDeps, address: AddressFacts | null): Promise<SetupFacts> {
  const { store, mode, publicUrl, secret, hosts } = deps
  const [anchors, push, appleBusiness, inventory, moving, signer, people] = await Promise.all([
    trustAnchors(deps),
    deps.push.read(),
    deps.appleBusiness.listLinks(),
    countInventory(store),
    listMovingMacs(store, 1),
    readProfileSigner(deps),
    countPeople(deps),
  ])
  return {
    ...{ mode, publicUrl, address, push, appleBusiness, inventory, signer, secret, people },
    anchors: anchors.length,
    moving: { total: moving.total, next: moving.macs[0] ?? null },
    egress: { hosts, results: deps.egress.results() },
  }
}

async function countPeople({ store }: SetupDeps): Promise<SetupFacts['people']> {
  const approving = ROLES.filter((role) => can(role, 'approve a policy'))
  const [people, factors] = await Promise.all([listActivePeople(store, approving), listSecondFactors(store)])
  const armed = new Set(factors.filter(({ confirmedAt }) => confirmedAt !== null).map(({ userId }) => userId))
  const owners = people.filter(({ role }) => role === 'owner')
  return { approvers: people.length, owners: owners.length, ownersWithoutSecondFactor: owners.filter(({ id }) => !armed.has(id)).length }
}
