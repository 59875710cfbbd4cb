import { expect, test } from 'vitest'
import { until as eventually, untilTrusted } from './support/appliance.ts'
import { withBareAppliance } from './support/bare-appliance.ts'
import { query } from './support/database.ts'
import { startMac } from './support/fleet.ts'
import { checkOf, findMac, type MacView, macDirectory, switchOn, timeline, untilMac } from './support/mac.ts'
import { ownerOf, type Person } from './support/person.ts'
import { tightenPolicy } from './support/policy.ts'
import { watchStream } from './support/stream.ts'

/** Three Macs, each able to show one level more than the next (DESIGN §4.3). */
const { appliance, started } = withBareAppliance({ ESPALIER_KEY_BINDING: 'apple', ESPALIER_REATTEST_JITTER_SECONDS: '0' })

const MACS = [
  { serial: 'BINDINGMAC03', level: 'apple', lacks: [] },
  { serial: 'BINDINGMAC02', level: 'mdm-signed', lacks: ['--no-sso'] },
  { serial: 'BINDINGMAC01', level: 'ticket', lacks: ['--no-sso', '--certificate-list', 'missing'] },
] as const

let owner: Person

const until = (serial: string, isReached: (view: MacView) => boolean) =>
  untilMac(owner, { serial, explain: () => appliance().output().slice(-4000) }, isReached)

const keysOf = (mac: MacView) =>
  query<{ level: string }>(appliance(), `SELECT level::text FROM "AgentKey" WHERE "macId" = $1 AND "revokedAt" IS NULL`, [mac.id])

async function sockets(): Promise<number> {
  const metrics = await (await appliance().get('/metrics')).text()
  return Number(/^espalier_agent_sockets (\d+)$/m.exec(metrics)?.[1])
}

test('every Mac reaches the strongest level that it can show, and its evidence names that level', { timeout: 150_000 }, async () => {
  owner = await ownerOf(appliance())
  for (const { serial, lacks } of MACS) started.push(await startMac(appliance(), serial, ['--engine', 'sim', '--itl-ms', '20', ...lacks]))
  for (const { serial, level } of MACS) {
    const mac = await until(serial, ({ trust, verdict }) => trust === 'trusted' && verdict?.keyBinding === level)
    expect(checkOf(mac, 'key-binding')?.outcome).toBe('pass')
    expect(await keysOf(mac)).toHaveLength(1)
  }
  const apple = await findMac(owner, MACS[0].serial)
  expect(await timeline(owner, apple?.id ?? '')).toContain('Agent’s key attested by Apple')
})

test('the relay attack gains nothing at any level while the honest Macs serve', { timeout: 120_000 }, async () => {
  const before = await Promise.all(MACS.map(({ serial }) => findMac(owner, serial)))
  const impostors = MACS.map(({ serial }, index) =>
    switchOn(appliance(), macDirectory(appliance(), `impostor-${serial}`), [
      ...['--claim-serial', serial, '--serial', `RELAYMAC000${index}`],
      ...['--server-url', appliance().url, '--engine', 'sim'],
    ]),
  )
  started.push(...impostors)
  // All six agents have dialled: three that may serve, three that may not.
  await eventually(
    async () => (await sockets()) === 2 * MACS.length,
    30_000,
    async () => `${await sockets()} sockets\n${impostors.map((impostor) => impostor.output()).join()}`,
  )
  const stream = await watchStream(appliance(), 400)
  expect(await stream.ended).toBe('closed')
  expect(stream.lines.at(-1)).toBe('data: [DONE]')
  for (const [index, { serial, level }] of MACS.entries()) {
    const mac = await findMac(owner, serial)
    expect(mac).toMatchObject({ trust: 'trusted', isRoutable: true, verdict: { keyBinding: level } })
    expect(await keysOf(mac as MacView)).toHaveLength(1)
    expect(mac?.enrollment?.id).toBe(before[index]?.enrollment?.id)
  }
  await Promise.all(impostors.map((impostor) => impostor.stop()))
})

test('a policy that demands a level refuses what is weaker, and nothing else', { timeout: 120_000 }, async () => {
  const [apple, signed, ticket] = MACS.map(({ serial }) => serial) as [string, string, string]
  await tightenPolicy(owner, { minimumKeyBinding: 'mdm-signed' }, 'The Mac itself is to vouch for its key.')
  expect(await until(ticket, ({ trust }) => trust === 'refused')).toMatchObject({ reasons: ['KEY_BINDING_TOO_WEAK'], isRoutable: false })
  await tightenPolicy(owner, { minimumKeyBinding: 'apple' }, 'Apple is to vouch for the key.')
  expect(await until(signed, ({ trust }) => trust === 'refused')).toMatchObject({ reasons: ['KEY_BINDING_TOO_WEAK'], isRoutable: false })
  expect(await findMac(owner, apple)).toMatchObject({ trust: 'trusted', verdict: { keyBinding: 'apple' } })
  await untilTrusted(appliance(), 1)
})
