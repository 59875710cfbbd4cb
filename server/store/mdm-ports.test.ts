import { expect, test } from 'vitest'
import { describeIdentities } from '../../mdm/testing/identity-suite.ts'
import { describeJourney, type PortsUnderTest } from '../../mdm/testing/journey-suite.ts'
import { describeMessages } from '../../mdm/testing/message-suite.ts'
import { describeScep } from '../../mdm/testing/scep-suite.ts'
import { testDatabase } from '../../test/support/postgres.ts'
import { createSecretBox } from '../secrets.ts'
import { acmeIn } from './acme.ts'
import { bootstrapTokensIn } from './bootstrap-tokens.ts'
import { enrollmentsIn } from './enrollments.ts'
import { mdmCommandsIn, rewrapCommands } from './mdm-commands.ts'

const secrets = createSecretBox('a secret of thirty-two characters')

const postgres = async (): Promise<PortsUnderTest> => {
  const { store, drop } = await testDatabase()
  return {
    enrollments: enrollmentsIn(store),
    commands: mdmCommandsIn(store, secrets),
    bootstrapTokens: bootstrapTokensIn(store, secrets),
    // None are offered: `server/fleet/declarations-service.test.ts` offers some.
    declarations: { find: async () => undefined, fetched: async () => undefined },
    acme: acmeIn(store),
    ensureMac: async ({ macId, serial }) => {
      await store.mac.createMany({ data: [{ id: macId, serial, addedAt: new Date() }], skipDuplicates: true })
    },
    drop,
  }
}

describeJourney('PostgreSQL', postgres)
describeMessages('PostgreSQL', postgres)
describeIdentities('PostgreSQL', postgres)
describeScep('PostgreSQL', postgres)

test('the time of sending is stored as the instant that it was', async () => {
  const { store, drop } = await testDatabase()
  const at = new Date('2026-07-01T12:00:00.123Z')
  const later = new Date('2026-07-02T00:00:00Z')
  await store.mac.create({ data: { id: 'mac', serial: 'C02AAA', addedAt: at } })
  await enrollmentsIn(store).create({
    id: 'E',
    macId: 'mac',
    serial: 'C02AAA',
    kind: 'profile',
    identityKind: 'acme',
    linkHash: new Uint8Array(32),
    linkExpiresAt: later,
    createdAt: at,
  })
  const commands = mdmCommandsIn(store, secrets)
  const command = {
    id: 'C',
    enrollmentId: 'E',
    requestType: 'SecurityInfo',
    payload: new Uint8Array(1),
    dedupeKey: undefined,
    supersedes: undefined,
  }
  await commands.enqueue({ ...command, except: [], limit: 1, createdAt: at, expiresAt: later })
  await commands.takeNext('E', 'reply', at)
  expect((await store.mdmCommand.findUniqueOrThrow({ where: { id: 'C' } })).sentAt).toEqual(at)
  await drop()
})

test('a command’s payload lies sealed while it waits, and is erased once it is settled, cancelled or expired', async () => {
  const { store, drop } = await testDatabase()
  const at = new Date()
  await store.mac.create({ data: { id: 'mac_0000000000000000', serial: 'SEALEDMAC001', addedAt: at } })
  const enrollment = { id: 'e1', macId: 'mac_0000000000000000', linkHash: new Uint8Array([1]), linkExpiresAt: at, createdAt: at }
  await store.enrollment.create({ data: { ...enrollment, state: 'enrolled' } })
  const commands = mdmCommandsIn(store, secrets)
  const payload = new TextEncoder().encode('a ticket of the bearer')
  const enqueue = (id: string, ttlMs = 60_000) =>
    commands.enqueue({
      ...{
        id,
        enrollmentId: 'e1',
        requestType: 'InstallProfile',
        payload,
        dedupeKey: undefined,
        supersedes: undefined,
        except: [],
        limit: 9,
        createdAt: at,
      },
      expiresAt: new Date(at.getTime() + ttlMs),
    })
  const stored = async (id: string) => Buffer.from((await store.mdmCommand.findUniqueOrThrow({ where: { id } })).payload)

  await enqueue('settled')
  expect((await stored('settled')).includes('ticket')).toBe(false)
  expect((await stored('settled')).length).toBeGreaterThan(payload.length)
  expect(await commands.takeNext('e1', 'idle', at)).toMatchObject({ id: 'settled', payload })
  await commands.settle({ enrollmentId: 'e1', id: 'settled', state: 'acknowledged', replyDigest: new Uint8Array(32), error: undefined, at })
  await enqueue('cancelled')
  await commands.cancel('e1', { id: 'cancelled' }, at)
  await enqueue('expired', -1)
  await commands.takeNext('e1', 'idle', at)
  for (const id of ['settled', 'cancelled', 'expired']) expect((await stored(id)).length, id).toBe(0)
  await drop()
})

test('commands that wait while the secret is rotated are sent under the new one alone', async () => {
  const { store, drop } = await testDatabase()
  const at = new Date()
  await store.mac.create({ data: { id: 'mac', serial: 'C02AAA', addedAt: at } })
  const link = { linkHash: new Uint8Array([1]), linkExpiresAt: at }
  await store.enrollment.create({ data: { id: 'E', macId: 'mac', state: 'enrolled', createdAt: at, ...link } })
  const payload = new TextEncoder().encode('a waiting command')
  const command = { id: 'C', enrollmentId: 'E', requestType: 'SecurityInfo', payload, dedupeKey: undefined, supersedes: undefined }
  const expiresAt = new Date(at.getTime() + 60_000)
  await mdmCommandsIn(store, secrets).enqueue({ ...command, except: [], limit: 9, createdAt: at, expiresAt })
  const rotated = 'another secret of thirty-two characters'
  await rewrapCommands(store, createSecretBox(rotated, ['a secret of thirty-two characters']))
  expect(await mdmCommandsIn(store, createSecretBox(rotated)).takeNext('E', 'idle', at)).toMatchObject({ id: 'C', payload })
  await drop()
})
