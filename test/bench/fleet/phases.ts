import { setTimeout as sleep } from 'node:timers/promises'
import { type Appliance, fleetStatus, until } from '../../journeys/support/appliance.ts'
import { query } from '../../journeys/support/database.ts'
import { readMetrics, type SimulatedFleet } from './fleet.ts'
import { WORK } from './mac.ts'
import { readUsage, type Usage, watch } from './observe.ts'

export type Figure = [name: string, value: number, unit: string]
export type Section = { title: string; figures: Figure[] }
export type Bench = { appliance: Appliance; fleet: SimulatedFleet; macs: number; atOnce: number; timeoutMs: number }

/** Runs one phase between two readings of what everybody has used. */
async function phase(bench: Bench, title: string, work: () => Promise<Figure[]>): Promise<Section> {
  bench.fleet.tally.forgetPeaks()
  const before = await readUsage(bench.appliance)
  const watching = watch(bench.appliance)
  const figures = await work()
  const loop = await watching.stop()
  const after = await readUsage(bench.appliance)
  const lateness: Figure[] = [
    ['event loop late, worst p99', loop.loopP99Ms, 'ms'],
    ['event loop late, at most', loop.loopMaxMs, 'ms'],
  ]
  return { title, figures: [...figures, ...costs(before, after, bench.macs), ...lateness] }
}

function costs(before: Usage, after: Usage, macs: number): Figure[] {
  const seconds = (after.atMs - before.atMs) / 1000
  const [c, d, v] = (['coordinator', 'database', 'driver'] as const).map((side) => after.cpu[side] - before.cpu[side])
  const cpu = (name: string, used = 0): Figure[] => [[`CPU ${name}`, used, `s (${((used / seconds) * 100).toFixed(0)} % of a core)`]]
  return [
    ['seconds', seconds, 's'],
    ...cpu('coordinator', c),
    ...cpu('PostgreSQL', d),
    ...cpu('driver (Macs and Apple)', v),
    ['coordinator CPU per Mac', ((c ?? 0) * 1000) / macs, 'ms'],
    ['database transactions', (after.transactions - before.transactions) / seconds, '/s'],
    ['database transactions per Mac', (after.transactions - before.transactions) / macs, ''],
    ['coordinator RSS', after.rssMb.coordinator, `MB (${(after.rssMb.coordinator - before.rssMb.coordinator).toFixed(0)} more)`],
    ['coordinator heap', after.heapMb, `MB (${(after.heapMb - before.heapMb).toFixed(0)} more)`],
  ]
}

const rate = (count: number, startedAt: number): number => count / ((performance.now() - startedAt) / 1000)

export function invitePhase(bench: Bench): Promise<Section> {
  return phase(bench, 'invitations', async () => {
    const startedAt = performance.now()
    await bench.fleet.invite(bench.atOnce)
    return [['invitations', rate(bench.macs, startedAt), '/s']]
  })
}

/** From the links to the last trusted Mac: enrollment, ticket, key, attestation and verdict overlap, as on a real morning. */
export function enrollPhase(bench: Bench): Promise<Section> {
  const { fleet, macs, atOnce } = bench
  return phase(bench, 'enroll and attest', async () => {
    const startedAt = performance.now()
    const seconds = () => (performance.now() - startedAt) / 1000
    await fleet.enroll(atOnce)
    const enrolled: Figure[] = [
      ['enrollments', rate(macs, startedAt), '/s'],
      ['all enrolled after', seconds(), 's'],
    ]
    await untilRouted(bench)
    const all = seconds()
    const verified = fleet.tally.counted(WORK.acme) + fleet.tally.counted(WORK.attestation)
    return [
      ...enrolled,
      ['all trusted and routable after', all, 's'],
      ['attestations verified (ACME and DeviceInformation)', verified / all, '/s'],
      ['MDM commands answered', fleet.tally.counted(WORK.command) / all, '/s'],
      ['pushes received', fleet.tally.counted(WORK.push), ''],
      ['MDM conversations at once', fleet.tally.peak(WORK.conversation), 'at most'],
    ]
  })
}

async function untilRouted(bench: Bench): Promise<void> {
  await until(
    async () => ((await readMetrics(bench.appliance)).get('espalier_macs_routable') ?? 0) >= bench.macs,
    bench.timeoutMs,
    () => explain(bench),
  )
}

async function explain({ appliance, fleet }: Bench): Promise<string> {
  const reasons = new Map<string, number>()
  for (const { reasons: codes, trust } of await fleetStatus(appliance)) {
    const key = trust === 'trusted' ? 'trusted' : codes.join()
    reasons.set(key, (reasons.get(key) ?? 0) + 1)
  }
  const standing = [...reasons].map(([key, count]) => `${count} ${key}`).join('; ')
  return `not all became routable: ${standing}\n${JSON.stringify(fleet.counts())}\n${fleet.troubles().join('\n')}\n${appliance.output().slice(-3000)}`
}

export function steadyPhase(bench: Bench, seconds: number): Promise<Section> {
  return phase(bench, `steady state, ${seconds} s`, async () => {
    await sleep(seconds * 1000)
    return [['agents connected', bench.fleet.counts().connected, '']]
  })
}

/** Makes what MDM reported a day and a half old, and wishes Apple's word on every Mac: the next round asks for all of it. */
export function refreshPhase(bench: Bench): Promise<Section> {
  const { appliance, fleet, macs } = bench
  return phase(bench, 'refresh round: facts, SecurityInfo, re-attestation by age', async () => {
    const [commands, reattestations] = [fleet.tally.counted(WORK.command), fleet.tally.counted(WORK.reattestation)]
    await query(appliance, `UPDATE "SecurityInfo" SET "receivedAt" = "receivedAt" - interval '40 hours'`)
    await query(appliance, `UPDATE "MdmCommand" SET "createdAt" = "createdAt" - interval '40 hours'`)
    // Apple's word cannot be made older than the question that it answers; the wishes that its age would bring are entered instead.
    await query(
      appliance,
      `INSERT INTO "Reattestation" ("enrollmentId", "macId", cause, priority, "agentKey", state, "dueAt", "createdAt")
       SELECT "enrollmentId", "macId", 'age', 4, spki, 'wanted', now() + random() * interval '20 seconds', now() FROM "AgentKey"
       WHERE "revokedAt" IS NULL ON CONFLICT DO NOTHING`,
    )
    const startedAt = performance.now()
    await until(
      async () =>
        fleet.tally.counted(WORK.reattestation) - reattestations >= macs &&
        fleet.tally.counted(WORK.command) - commands >= 3 * macs &&
        (await countReattestations(appliance)) === 0,
      bench.timeoutMs,
      () => explain(bench),
    )
    return [
      ['all refreshed and re-attested after', (performance.now() - startedAt) / 1000, 's'],
      ['re-attestations', rate(macs, startedAt), '/s'],
      ['MDM commands answered', fleet.tally.counted(WORK.command) - commands, ''],
      ...peaks(bench),
    ]
  })
}

const peaks = ({ fleet: { tally } }: Bench): Figure[] => [
  ['questions to Apple at once', tally.peak(WORK.question), 'at most'],
  ['ACME orders for them at once', tally.peak(WORK.reattestation), 'at most'],
  ['MDM conversations at once', tally.peak(WORK.conversation), 'at most'],
]

async function countReattestations(appliance: Appliance): Promise<number> {
  const [row] = await query<{ count: number }>(appliance, 'SELECT count(*)::int AS count FROM "Reattestation"')
  return row?.count ?? 0
}

/** kill -9 under connected agents; `awayMs` later the same appliance again. Over a minute away nobody has a proof of life. */
export async function outagePhase(bench: Bench, awayMs: number): Promise<Section> {
  const { appliance, fleet, macs } = bench
  const { tally } = fleet
  const { counted } = tally
  tally.forgetPeaks()
  const [pushes, hellos, asked] = [counted(WORK.push), counted(WORK.hello), counted(WORK.reattestation)]
  await appliance.kill('SIGKILL')
  const killedAt = performance.now()
  await sleep(awayMs)
  await appliance.restart()
  const readyAt = performance.now()
  const before = await readUsage(appliance)
  const watching = watch(appliance)
  const since = () => (performance.now() - readyAt) / 1000
  let liveAfter: number | undefined
  await until(
    async () => {
      const metrics = await readMetrics(appliance)
      if ((metrics.get('espalier_agents_live') ?? 0) >= macs) liveAfter ??= since()
      return (metrics.get('espalier_macs_routable') ?? 0) >= macs
    },
    bench.timeoutMs,
    () => explain(bench),
  )
  const routableAfter = since()
  await sleep(2_000) // wishes of the last judgement are entered
  await until(
    async () => (await countReattestations(appliance)) === 0,
    bench.timeoutMs,
    () => explain(bench),
  )
  const quietAfter = since()
  const { loopMaxMs, loopP99Ms } = await watching.stop()
  const after = await readUsage(appliance)
  return {
    title: `outage: kill -9, ${awayMs / 1000} s away`,
    figures: [
      ['from the kill to ready again', (readyAt - killedAt) / 1000, 's'],
      ['all agents live, after ready', liveAfter ?? routableAfter, 's'],
      ['all Macs routable, after ready', routableAfter, 's'],
      ['all Macs routable, after the kill', (performance.now() - killedAt) / 1000 - (quietAfter - routableAfter), 's'],
      ['no re-attestation left, after ready', quietAfter, 's'],
      ['re-attestations', counted(WORK.reattestation) - asked, ''],
      ['agent connections', counted(WORK.hello) - hellos, ''],
      ['pushes received', (counted(WORK.push) - pushes) / quietAfter, '/s'],
      ...peaks(bench),
      ...costs(before, after, macs),
      ['event loop late, worst p99', loopP99Ms, 'ms'],
      ['event loop late, at most', loopMaxMs, 'ms'],
    ],
  }
}
