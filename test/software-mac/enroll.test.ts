import { X509Certificate } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { deviceInformation, parseDeviceInformation } from '../../mdm/commands/device-information.ts'
import { installProfile } from '../../mdm/commands/install-profile.ts'
import { removeProfile } from '../../mdm/commands/remove-profile.ts'
import { parseSecurityInfo, securityInfo } from '../../mdm/commands/security-info.ts'
import { plistDict } from '../../mdm/plist/value.ts'
import { verifyChain } from '../../server/attestation/chain.ts'
import { known, readProperties } from '../../server/attestation/properties.ts'
import { createEvaluationAnchors } from '../../server/attestation/roots.ts'
import { readJson } from './durable-file.ts'
import type { Device } from './mac/device.ts'
import { EXIT } from './mac/report.ts'
import { isAlive } from './process-lock.ts'
import { type MdmHost, startMdmHost } from './testing/mdm-host.ts'
import { type Running, run, scratch, startApple } from './testing/processes.ts'

/** Real MDM library, real attestation verifier, real software Apple and Mac processes; only the database is left out. */
const folder = scratch()
const appleDirectory = join(folder.path, 'apple')
let apple: Running
let host: MdmHost
let macs: Running[] = []
let ordinal = 0

beforeAll(async () => {
  apple = await startApple(appleDirectory)
  host = await startMdmHost(appleDirectory)
})
afterEach(async () => {
  await Promise.all(macs.map((mac) => mac.stop()))
  macs = []
})
afterAll(async () => {
  await host.close()
  await apple.stop()
  folder.remove()
})

type Started = { mac: Running; serial: string; directory: string; enrollmentId: string; start(...args: string[]): Running }

async function startMac(...switches: string[]): Promise<Started> {
  const serial = `ESPSIM${String(++ordinal).padStart(6, '0')}`
  const directory = join(folder.path, serial)
  const { enrollmentId, url } = await host.mdm.invite({ macId: `mac_${ordinal}`, serial })
  const start = (...args: string[]) => {
    const mac = run('mac/main.ts', ['--dir', directory, '--apple', appleDirectory, '--serial', serial, '--no-agent', ...args])
    macs.push(mac)
    return mac
  }
  return { mac: start('--enroll-url', url, ...switches), serial, directory, enrollmentId, start }
}

const enrolled = (mac: Running) => mac.until((message) => message.state === 'enrolled')
const ask = async (enrollmentId: string, requestType: string, payload: Parameters<typeof plistDict>[0]) =>
  host.untilReply(await host.mdm.enqueue(enrollmentId, { requestType, payload: plistDict(payload) }, { ttlMs: 60_000 }))
const eventsOf = (enrollmentId: string) => host.events.filter(({ event }) => event.enrollmentId === enrollmentId).map(({ type }) => type)

describe('an honest Mac', () => {
  test('enrolls through profile, ACME, Authenticate and TokenUpdate, and answers an attested DeviceInformation after a push', async () => {
    const { mac, serial, directory, enrollmentId } = await startMac()
    await enrolled(mac)
    expect(eventsOf(enrollmentId)).toEqual(['profile-issued', 'acme-attested', 'authenticate', 'enrolled'])

    const nonce = crypto.getRandomValues(new Uint8Array(32))
    const id = await host.mdm.enqueue(enrollmentId, deviceInformation({ attestationNonce: nonce }), { ttlMs: 60_000 })
    const reply = await host.untilReply(id)
    const { facts, attestation, faults } = parseDeviceInformation(reply)
    expect(faults).toEqual([])
    expect(facts.serialNumber).toBe(serial)

    const device = readJson<Device>(join(directory, 'device.json'))
    const root = new Uint8Array(new X509Certificate(readFileSync(join(appleDirectory, 'attestation-root.pem'))).raw)
    const chain = verifyChain(attestation ?? [], createEvaluationAnchors(root), new Date())
    expect(chain.ok).toBe(true)
    if (!chain.ok) return
    const properties = readProperties(chain.leaf)
    expect(known(properties.serial)).toBe(serial)
    expect(known(properties.udid)).toBe(device?.provisioningUdid)
    expect(known(properties.udid)).not.toBe(facts.udid)
    expect(known(properties.freshness)).toEqual(nonce)
  })

  test('keeps a delivered ticket where only its owner reads, and loses it with the profile', async () => {
    const { mac, directory, enrollmentId } = await startMac()
    await enrolled(mac)
    const ticket = Uint8Array.of(1, 2, 3)
    const profile = plistDict({
      PayloadType: 'Configuration',
      PayloadVersion: 1n,
      PayloadIdentifier: 'dev.espalier.ticket.profile',
      PayloadUUID: 'A',
      PayloadContent: [
        plistDict({
          PayloadType: 'dev.espalier.ticket',
          PayloadVersion: 1n,
          PayloadIdentifier: 'dev.espalier.ticket',
          PayloadUUID: 'B',
          TicketID: 'tkt_1',
          Ticket: ticket,
        }),
      ],
    })
    const installed = await host.untilReply(await host.mdm.enqueue(enrollmentId, installProfile(profile), { ttlMs: 60_000 }))
    expect(installed.status).toBe('Acknowledged')
    const file = join(directory, 'managed/ticket.json')
    expect(readJson(file)).toEqual({ ticketId: 'tkt_1', ticket: Buffer.from(ticket).toString('base64') })
    expect(statSync(file).mode & 0o777).toBe(0o600)

    const removal = removeProfile('dev.espalier.ticket.profile')
    await host.untilReply(await host.mdm.enqueue(enrollmentId, removal, { ttlMs: 60_000 }))
    expect(readJson(file)).toBeUndefined()
  })

  test('goes on after kill -9 without enrolling again, in the same boot session', async () => {
    const { mac, directory, enrollmentId, start } = await startMac()
    await enrolled(mac)
    const before = readJson<Device>(join(directory, 'device.json'))
    mac.child.kill('SIGKILL')
    await mac.exit()
    const queued = await host.mdm.enqueue(enrollmentId, securityInfo(), { ttlMs: 60_000 }) // while it is away
    await enrolled(start())
    expect((await host.untilReply(queued)).status).toBe('Acknowledged')
    expect(eventsOf(enrollmentId)).toEqual(['profile-issued', 'acme-attested', 'authenticate', 'enrolled'])
    expect(readJson(join(directory, 'device.json'))).toEqual(before)
  })

  test('has a new boot session after a reboot', async () => {
    const { mac, directory, start } = await startMac()
    await enrolled(mac)
    const before = readJson<Device>(join(directory, 'device.json'))
    await mac.stop()
    await enrolled(start('--reboot'))
    expect(readJson<Device>(join(directory, 'device.json'))?.bootSession).not.toBe(before?.bootSession)
  })

  test('waits for a server that is away', async () => {
    const { mac, start } = await startMac()
    await enrolled(mac)
    await mac.stop()
    await host.close()
    const again = start()
    await again.until((message) => message.state === 'waiting')
    host = await startMdmHost(appleDirectory)
    expect(again.child.exitCode).toBeNull()
  })

  test('tells the server that it leaves, and its push token ends', async () => {
    const { mac, enrollmentId, start } = await startMac()
    await enrolled(mac)
    await mac.stop()
    expect(await start('--unenroll').exit()).toBe(EXIT.unenrolled)
    expect(eventsOf(enrollmentId)).toContain('check-out')
  })

  test('authenticates again under the same identity when told to', async () => {
    const { mac, enrollmentId, start } = await startMac()
    await enrolled(mac)
    await mac.stop()
    await enrolled(start('--reauthenticate'))
    expect(eventsOf(enrollmentId).slice(-2)).toEqual(['authenticate', 'enrolled'])
  })
})

describe('commands', () => {
  const wrong = [
    ['a nonce that is no data', { Queries: ['UDID'], DeviceAttestationNonce: 'text' }],
    ['an empty nonce', { Queries: ['UDID'], DeviceAttestationNonce: new Uint8Array() }],
    ['a nonce of 33 bytes', { Queries: ['UDID'], DeviceAttestationNonce: new Uint8Array(33) }],
    ['no query', { Queries: [] }],
    ['missing queries', {}],
    ['a query that is no text', { Queries: [1n] }],
  ] as const

  test('answers what is malformed with CommandFormatError and what is unknown with 12021', async () => {
    const { mac, enrollmentId } = await startMac()
    await enrolled(mac)
    for (const [what, payload] of wrong) {
      const reply = await ask(enrollmentId, 'DeviceInformation', payload as Parameters<typeof plistDict>[0])
      expect([what, reply.status]).toEqual([what, 'CommandFormatError'])
    }
    const unknown = await ask(enrollmentId, 'BrewCoffee', {})
    expect(unknown.status).toBe('Error')
    expect(unknown.errorChain[0]).toMatchObject({ code: 12021, domain: 'MCMDMErrorDomain' })
  })

  test('puts everything off while it sleeps, and answers when awake', async () => {
    const { mac, directory, enrollmentId, start } = await startMac()
    await enrolled(mac)
    await mac.stop()
    writeFileSync(join(directory, 'asleep'), '')
    const sleeper = start()
    const id = await host.mdm.enqueue(enrollmentId, securityInfo(), { ttlMs: 60_000 })
    await sleeper.until((message) => message.detail === 'SecurityInfo NotNow')
    expect(host.replies.some((reply) => reply.command === id)).toBe(false)
    rmSync(join(directory, 'asleep'))
    expect((await host.untilReply(id)).status).toBe('Acknowledged')
  })

  test('reports what it was told to be, and contradicts itself where that is the lie', async () => {
    const { mac, enrollmentId, start } = await startMac()
    await enrolled(mac)
    const honest = parseSecurityInfo(await ask(enrollmentId, 'SecurityInfo', {}))
    expect(honest).toMatchObject({ ok: true, report: { systemIntegrityProtectionEnabled: true, secureBoot: { level: 'full' } } })
    await mac.stop()
    await enrolled(start('--security-info', 'contradict'))
    const lie = parseSecurityInfo(await ask(enrollmentId, 'SecurityInfo', {}))
    expect(lie).toMatchObject({ ok: true, report: { systemIntegrityProtectionEnabled: false } })
  })
})

describe('a Mac that lies', () => {
  const lies = [
    ['another Mac’s attestation', ['--attested-serial', 'C02OTHER0001'], 'SERIAL_MISMATCH'],
    ['SIP switched off', ['--sip', 'off'], 'SIP_DISABLED'],
    ['reduced security', ['--secure-boot', 'reduced'], 'BOOT_REDUCED'],
    ['permissive security', ['--secure-boot', 'permissive'], 'BOOT_PERMISSIVE'],
    ['third-party kernel extensions', ['--kexts', 'allowed'], 'KEXT_ALLOWED'],
    ['freshness of another token', ['--acme-freshness', 'wrong'], 'FRESHNESS_MISMATCH'],
    ['no freshness', ['--acme-freshness', 'missing'], 'FRESHNESS_MISSING'],
    ['a chain to a root that only shares the name', ['--root', 'foreign'], 'CHAIN_UNTRUSTED'],
    ['no attestation, as Intel', ['--intel'], 'NO_ATTESTATION'],
    ['a certificate request for another key', ['--csr-key', 'foreign'], 'CSR_KEY_MISMATCH'],
  ] as const

  test.each(lies)('is refused its identity: %s', async (_, switches, code) => {
    const { mac, enrollmentId } = await startMac(...switches)
    expect(await mac.exit()).toBe(EXIT.refused)
    const refusals = host.events.filter(({ type, event }) => type === 'acme-refused' && event.enrollmentId === enrollmentId)
    expect(refusals.flatMap(({ event }) => event.reasons)).toContain(code)
  })

  test('replays an attestation that it kept: its freshness is not the nonce that was asked', async () => {
    const { mac, enrollmentId } = await startMac('--nonce', 'replayed')
    await enrolled(mac)
    const nonce = crypto.getRandomValues(new Uint8Array(32))
    const reply = await host.untilReply(
      await host.mdm.enqueue(enrollmentId, deviceInformation({ attestationNonce: nonce }), { ttlMs: 60_000 }),
    )
    const [leaf] = parseDeviceInformation(reply).attestation ?? []
    expect(Buffer.from(leaf ?? []).includes(Buffer.from(nonce))).toBe(false)
  })
})

test('a Mac ends with the process that started it', async () => {
  const { mac } = await startMac()
  await enrolled(mac)
  mac.child.disconnect()
  expect(await mac.exit()).toBe(EXIT.stopped)
  expect(isAlive(mac.child.pid ?? 0)).toBe(false)
})
