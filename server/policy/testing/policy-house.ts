import { type MacId, newId } from '#protocol/ids'
import { testDatabase } from '../../../test/support/postgres.ts'
import { NOW, trustedEvidence } from '../../../test/support/trust-evidence.ts'
import { decideTrust } from '../../attestation/decide-trust.ts'
import type { TrustEvidence } from '../../attestation/evidence.ts'
import { createLog } from '../../log.ts'
import type { Store } from '../../store/client.ts'
import { createUser, type UserRole } from '../../store/users.ts'
import type { PolicyDraft } from '../draft.ts'
import { createPolicies, type Policies } from '../policies.ts'
import { createPolicyService, type PolicyService } from '../policy-service.ts'
import type { PolicyDesk, PreviewView } from '../views.ts'

type HouseMac = { id: MacId; evidence: TrustEvidence }

/** The policy service on a real database, with Macs whose evidence is given and judged by the real `decideTrust`. */
export type PolicyHouse = {
  store: Store
  policies: Policies
  service: PolicyService
  desk: PolicyDesk
  clock: { now(): Date; advance(ms: number): void }
  macs: HouseMac[]
  /** Macs that were judged again, in order. */
  appraised: MacId[]
  person(role: UserRole): Promise<{ id: string }>
  mac(evidence?: Partial<TrustEvidence>, options?: { name?: string; pool?: string }): Promise<MacId>
  /** Previews to the end. */
  preview(
    about: { change: Partial<PolicyDraft>; moves?: { mac: string; pool: string | null }[] } | { version: number },
    by: { id: string },
  ): Promise<PreviewView>
  propose(change: Partial<PolicyDraft>, by: { id: string }, moves?: { mac: string; pool: string | null }[]): Promise<number>
  approve(version: number, by: { id: string }, options?: { alone?: boolean }): ReturnType<PolicyDesk['approve']>
  close(): Promise<void>
}

export async function startPolicyHouse(options: { mode?: 'evaluation' | 'production'; agentVersion?: string } = {}): Promise<PolicyHouse> {
  const { store, drop } = await testDatabase()
  let now = NOW
  const clock = {
    now: () => now,
    advance: (ms: number): void => {
      now = new Date(now.getTime() + ms)
    },
  }
  const { mode = 'evaluation', agentVersion = '0.1.0' } = options
  const log = createLog('error')
  const policies = await createPolicies({ store, clock, mode, agentVersion, log })
  const macs: HouseMac[] = []
  const appraised: MacId[] = []
  const service = createPolicyService({
    ...{ store, clock, mode, log, policies },
    appraiser: {
      appraise: async (mac) => void appraised.push(mac),
      judgeUnder: async (ids, casesOf) =>
        new Map(
          macs
            .filter(({ id }) => ids.includes(id))
            .map(({ id, evidence }) => [
              id,
              casesOf(id).map(({ policy, pool }) => decideTrust({ ...evidence, mac: { ...evidence.mac, pool } }, policy, NOW)),
            ]),
        ),
    },
  })
  const { desk } = service
  const house: PolicyHouse = {
    ...{ store, policies, service, desk, clock, macs, appraised },
    person: (role) =>
      createUser(store, { email: `${newId('x')}@example.com`, name: `A ${role}`, role, passwordHash: null, createdAt: now }),
    async mac(evidence = {}, { name, pool } = {}) {
      const id = newId<MacId>('mac')
      await store.mac.create({ data: { id, serial: id, name: name ?? null, pool: pool ?? null, addedAt: now } })
      macs.push({ id, evidence: trustedEvidence(evidence) })
      return id
    },
    async preview(about, by) {
      const { draft } = await desk.getPolicy()
      const asked = 'version' in about ? about : { draft: { ...draft, ...about.change }, moves: about.moves ?? [] }
      const id = await desk.startPreview(asked, by)
      for (;;) {
        const preview = await desk.getPreview(id)
        if (preview.state !== 'running') return preview
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    async propose(change, by, moves = []) {
      const preview = await house.preview({ change, moves }, by)
      return desk.propose({ preview: preview.id, reason: 'It was asked for.' }, by)
    },
    async approve(version, by, { alone = false } = {}) {
      const preview = await house.preview({ version }, by)
      return desk.approve({ version, preview: preview.id, alone, reason: null }, by)
    },
    async close() {
      policies.close()
      await service.close()
      await drop()
    },
  }
  return house
}
