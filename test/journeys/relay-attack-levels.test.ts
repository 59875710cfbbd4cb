import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { fleetStatus, until } from './support/appliance.ts'
import { withBareAppliance } from './support/bare-appliance.ts'
import { appleDirectory, type StartedFleet, startFleetProcess, startMac } from './support/fleet.ts'
import { requireKeyBinding } from './support/policy.ts'

const { appliance, started } = withBareAppliance()

type Standing = { mac: string; trust: string; reasons: string[]; keyBinding: string | null }
const standings = async () => (await fleetStatus(appliance())) as unknown as Standing[]

/** An honest Mac that is enrolled and answers MDM, whose agent does not run yet: the impostor comes first. */
async function enrollWithoutAgent(
  serial: string,
): Promise<{ directory: string; standing(): Promise<Standing | undefined>; runAgent(): Promise<void> }> {
  const known = new Set((await standings()).map(({ mac }) => mac))
  const mac = await startMac(appliance(), serial, ['--no-agent'])
  started.push(mac)
  const standing = async () => (await standings()).find((one) => !known.has(one.mac))
  await until(
    async () => (await standing())?.reasons.includes('AGENT_KEY_UNBOUND') === true,
    60_000,
    () => `${mac.output()}\n${appliance().output().slice(-4000)}`,
  )
  const directory = join(appliance().dataDir, 'macs', serial)
  return {
    directory,
    standing,
    async runAgent() {
      await mac.stop()
      const where = ['--dir', directory, '--apple', appleDirectory(appliance())]
      started.push(startFleetProcess(appliance(), ['test/software-mac/mac/main.ts', ...where, '--engine', 'sim']))
    },
  }
}

function startImpostor(name: string, serial: string, args: string[] = []): StartedFleet {
  const impostor = startFleetProcess(appliance(), [
    'test/software-mac/mac/main.ts',
    ...['--dir', join(appliance().dataDir, name), '--apple', appleDirectory(appliance())],
    ...['--claim-serial', serial, '--server-url', appliance().url, '--engine', 'sim', ...args],
  ])
  started.push(impostor)
  return impostor
}

/** Long enough for the agent to dial, be challenged, be asked for its proof and give it, and for the Mac to answer MDM. */
const KNOCKING_MS = 12_000

async function expectUntrusted(standing: () => Promise<Standing | undefined>): Promise<void> {
  await sleep(KNOCKING_MS)
  const now = await standing()
  expect(now).toMatchObject({ trust: 'refused', keyBinding: null })
  expect(now?.reasons).toContain('AGENT_KEY_UNBOUND')
}

async function untilBound(standing: () => Promise<Standing | undefined>, keyBinding: string): Promise<void> {
  let seen: Standing | undefined
  await until(
    async () => {
      seen = await standing()
      return seen?.trust === 'trusted' && seen.keyBinding === keyBinding
    },
    90_000,
    () => `${JSON.stringify(seen)}\n${appliance().output().slice(-4000)}`,
  )
}

test('mdm-signed: a certificate in another machine’s keychain binds nothing, since the Mac’s own MDM client never lists it', {
  timeout: 240_000,
}, async () => {
  await requireKeyBinding(appliance(), 'mdm-signed')
  const honest = await enrollWithoutAgent('HONESTMAC002')
  const impostor = startImpostor('impostor-mdm-signed', 'HONESTMAC002')
  await expectUntrusted(honest.standing)
  // With the impostor still knocking, the Mac's own agent publishes its key and is trusted.
  await honest.runAgent()
  await untilBound(honest.standing, 'mdm-signed')
  await impostor.stop()
})

test('apple: neither what Apple says of another machine’s key nor what it says of this Mac’s own key binds an impostor’s', {
  timeout: 240_000,
}, async () => {
  await requireKeyBinding(appliance(), 'apple')
  const honest = await enrollWithoutAgent('HONESTMAC003')
  const impostor = startImpostor('impostor-apple', 'HONESTMAC003', ['--serial', 'RELAYMAC0001'])
  await expectUntrusted(honest.standing)
  await honest.runAgent()
  await untilBound(honest.standing, 'apple')
  await impostor.stop()

  // Whoever sits at the Mac may have its extension asked for another machine's session: it vouches for the key that lies there.
  startImpostor('impostor-apple-at-the-mac', 'HONESTMAC003', ['--sso-of', honest.directory])
  await sleep(KNOCKING_MS)
  expect(await honest.standing()).toMatchObject({ trust: 'trusted', keyBinding: 'apple' })
})
