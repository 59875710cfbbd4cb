import fc from 'fast-check'
import { expect, test } from 'vitest'
import { removeProfile } from '../commands/remove-profile.ts'
import { createMemoryPorts } from '../testing/memory-ports.ts'
import { createTestInstallation } from '../testing/test-installation.ts'

type Step =
  | { do: 'enqueue' }
  | { do: 'idle' }
  | { do: 'advance' }
  /** About the command in hand, or one of those before it: a Mac may repeat itself. */
  | { do: 'answer'; status: 'Acknowledged' | 'Error' | 'CommandFormatError' | 'NotNow'; ago: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'enqueue' }) },
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'idle' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'advance' }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      status: fc.constantFrom('Acknowledged' as const, 'Error' as const, 'CommandFormatError' as const, 'NotNow' as const),
      ago: fc.nat({ max: 2 }),
    }),
  },
)
const LIFE_MS = 3600_000

test('whatever a Mac says in whatever order: each command is told once at most, first offers come in order, nothing live is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 24 }), async (steps) => {
      const ports = createMemoryPorts()
      const here = await createTestInstallation(ports)
      const mac = here.mac('C02AAA')
      const enrollmentId = await here.enroll(mac)
      const queued: string[] = []
      const offered: string[] = []
      const take = ({ uuid }: { uuid: string | undefined }) => uuid !== undefined && offered.push(uuid)
      for (const one of steps) {
        if (one.do === 'enqueue') queued.push(await here.mdm.enqueue(enrollmentId, removeProfile('x'), { ttlMs: LIFE_MS }))
        else if (one.do === 'idle') take(await mac.idle())
        else if (one.do === 'advance') here.advance(LIFE_MS / 3)
        else take(await mac.connect({ Status: one.status, CommandUUID: offered.at(-1 - one.ago) ?? 'none' }))
      }
      const firstOffers = [...new Set(offered)]
      expect(firstOffers).toEqual(queued.filter((id) => firstOffers.includes(id)))
      const told = here.eventsNamed('onReply').map(({ command }) => command)
      expect(new Set(told).size).toBe(told.length)
      // A Mac that now takes everything gets, in one session, all that still lives.
      const states = async () => Promise.all(queued.map(async (id) => (await ports.commands.find(enrollmentId, id))?.state))
      for (let next = await mac.idle(), left = 99; next.uuid !== undefined && left > 0; left--) {
        next = await mac.connect({ Status: 'Acknowledged', CommandUUID: next.uuid })
        if (next.uuid === undefined) next = await mac.idle()
      }
      for (const state of await states()) expect(['acknowledged', 'failed', 'expired']).toContain(state)
    }),
    { numRuns: 25 },
  )
}, 60_000)
