import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fleetStatus, until, untilTrusted } from './support/appliance.ts'
import { withBareAppliance } from './support/bare-appliance.ts'
import { appleDirectory, startFleetProcess, startMac } from './support/fleet.ts'

const { appliance: bare, started } = withBareAppliance()

test('a machine that registers its key under an honest Mac’s serial number gains nothing, and the honest Mac loses nothing', {
  timeout: 180_000,
}, async () => {
  const appliance = bare()
  const serial = 'HONESTMAC001'
  // The honest Mac is enrolled and answers MDM, but its agent does not run yet: the impostor comes first.
  started.push(await startMac(appliance, serial, ['--no-agent']))
  await until(
    async () => (await fleetStatus(appliance))[0]?.reasons.includes('AGENT_KEY_UNBOUND') === true,
    60_000,
    () => appliance.output(),
  )
  const impostor = startFleetProcess(appliance, [
    'test/software-mac/mac/main.ts',
    ...['--dir', join(appliance.dataDir, 'impostor'), '--apple', appleDirectory(appliance)],
    ...['--claim-serial', serial, '--server-url', appliance.url, '--engine', 'sim'],
  ])
  started.push(impostor)
  await new Promise((resolve) => setTimeout(resolve, 12_000))

  const [mac] = await fleetStatus(appliance)
  expect(mac).toMatchObject({ trust: 'refused', evidenceDigest: null })
  expect(mac?.reasons).toContain('AGENT_KEY_UNBOUND')
  expect(mac?.reasons).toContain('NO_ATTESTATION')
  expect(((await (await appliance.get('/v1/models')).json()) as { data: unknown[] }).data).toEqual([])

  // With the impostor still knocking, the Mac's own agent binds its key and is trusted.
  await started[1]?.stop()
  started.push(
    startFleetProcess(appliance, [
      'test/software-mac/mac/main.ts',
      ...['--dir', join(appliance.dataDir, 'macs', serial), '--apple', appleDirectory(appliance), '--engine', 'sim'],
    ]),
  )
  await untilTrusted(appliance, 1, 90_000)
})
