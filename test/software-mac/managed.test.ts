import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { declarativeManagement } from '../../mdm/commands/declarative-management.ts'
import { deviceConfigured } from '../../mdm/commands/device-configured.ts'
import { deviceLock } from '../../mdm/commands/device-lock.ts'
import { enableRemoteDesktop } from '../../mdm/commands/enable-remote-desktop.ts'
import { eraseDevice } from '../../mdm/commands/erase-device.ts'
import { installProfile } from '../../mdm/commands/install-profile.ts'
import { installedApplicationList, parseInstalledApplicationList } from '../../mdm/commands/installed-application-list.ts'
import { restartDevice } from '../../mdm/commands/restart-device.ts'
import { parseSecurityInfo, securityInfo } from '../../mdm/commands/security-info.ts'
import { shutDownDevice } from '../../mdm/commands/shut-down-device.ts'
import { activation, statusSubscriptions } from '../../mdm/ddm/status-subscriptions.ts'
import { syncTokens } from '../../mdm/ddm/tokens.ts'
import { plistDict } from '../../mdm/plist/value.ts'
import type { Command } from '../../mdm/ports.ts'
import { readAddress } from './apple/directory.ts'
import { readJson, writeJson } from './durable-file.ts'
import type { Device } from './mac/device.ts'
import type { Enrollment } from './mac/enrollment.ts'
import { EXIT } from './mac/report.ts'
import { changeSystem } from './mac/system-state.ts'
import { type MdmHost, startMdmHost } from './testing/mdm-host.ts'
import { type Running, run, scratch, startApple } from './testing/processes.ts'

/** An enrolled Mac under the real MDM library: everything that it is told, asked and given after its enrollment. */
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

async function startMac(...switches: string[]) {
  const serial = `ESPMGD${String(++ordinal).padStart(6, '0')}`
  const directory = join(folder.path, serial)
  const { enrollmentId, url } = await host.mdm.invite({ macId: `mac_${serial}`, serial })
  const start = (...args: string[]) => {
    const mac = run('mac/main.ts', ['--dir', directory, '--apple', appleDirectory, '--serial', serial, '--no-agent', ...args])
    macs.push(mac)
    return mac
  }
  const mac = start('--enroll-url', url, ...switches)
  await until(mac, 'enrolled')
  return { mac, serial, directory, enrollmentId, start }
}

const until = (mac: Running, state: string) => mac.until((message) => message.state === state)
const send = async (enrollmentId: string, command: Command) =>
  host.untilReply(await host.mdm.enqueue(enrollmentId, command, { ttlMs: 60_000 }))
const enrollmentOf = (directory: string) => readJson<Enrollment>(join(directory, 'enrollment.json')) as Enrollment
const deviceOf = (directory: string) => readJson<Device>(join(directory, 'device.json')) as Device
const identities = (directory: string) =>
  readdirSync(join(directory, 'identities')).map(
    (name) => readJson<{ chainPem: string }>(join(directory, 'identities', name))?.chainPem ?? '',
  )
const keys = (directory: string) => readdirSync(join(directory, 'secure-enclave')).filter((name) => name.startsWith('identity-'))

/** As if its profile had given every right. */
function grantAll(directory: string): void {
  const enrollment = enrollmentOf(directory)
  writeJson(join(directory, 'enrollment.json'), { ...enrollment, mdm: { ...enrollment.mdm, accessRights: 8191 } })
}

describe('a further key', () => {
  test('is made and attested under the token that the server chose, beside the identity, and goes with its profile', async () => {
    const { mac, directory, enrollmentId } = await startMac()
    const before = enrollmentOf(directory).mdm.identityUuid
    const token = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
    const reply = await host.untilReply(await host.mdm.reattest(enrollmentId, { token, ttlMs: 60_000 }))
    expect(reply.status).toBe('Acknowledged')
    const event = host.events.findLast(({ type, event }) => type === 'acme-attested' && event.enrollmentId === enrollmentId)
    expect(event?.event).toMatchObject({ purpose: 'reattestation' })
    // The server takes the profile away once it has heard.
    await mac.until(({ state, detail }) => state === 'command' && detail === 'RemoveProfile Acknowledged')
    expect([identities(directory).length, keys(directory).length, readdirSync(join(directory, 'profiles')).length]).toEqual([1, 1, 1])
    expect(enrollmentOf(directory).mdm.identityUuid).toBe(before)
    expect((await send(enrollmentId, securityInfo())).status).toBe('Acknowledged')
  })

  test('that the server refuses leaves nothing behind', async () => {
    const { mac, directory, enrollmentId, start } = await startMac()
    await mac.stop()
    await until(start('--acme-freshness', 'wrong'), 'enrolled')
    const token = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
    const reply = await host.untilReply(await host.mdm.reattest(enrollmentId, { token, ttlMs: 60_000 }))
    expect(reply.status).toBe('Error')
    expect([identities(directory).length, keys(directory).length, readdirSync(join(directory, 'profiles')).length]).toEqual([1, 1, 1])
  })
})

describe('a renewal', () => {
  const mdmCertificate = (directory: string) => {
    const { mdm } = enrollmentOf(directory)
    const name = `identity-${mdm.identityUuid.toLowerCase()}.json`
    return new X509Certificate(readJson<{ chainPem: string }>(join(directory, 'identities', name))?.chainPem ?? '').fingerprint256
  }

  test('brings a new identity under which the Mac goes on, and the old one is gone', async () => {
    const { directory, enrollmentId } = await startMac()
    const before = mdmCertificate(directory)
    const reply = await host.untilReply(await host.mdm.renewIdentity(enrollmentId))
    expect(reply.status).toBe('Acknowledged')
    expect(mdmCertificate(directory)).not.toBe(before)
    expect([identities(directory).length, keys(directory).length]).toEqual([1, 1])
    expect((await send(enrollmentId, securityInfo())).status).toBe('Acknowledged')
  })

  test('that fails leaves the Mac with its old identity, and heard under it', async () => {
    const { mac, directory, enrollmentId, start } = await startMac()
    const before = mdmCertificate(directory)
    await mac.stop()
    await until(start('--renewal', 'fails'), 'enrolled')
    expect((await host.untilReply(await host.mdm.renewIdentity(enrollmentId))).status).toBe('Error')
    expect(mdmCertificate(directory)).toBe(before)
    expect((await send(enrollmentId, securityInfo())).status).toBe('Acknowledged')
  })

  test('is believed by a Mac that goes on with the old identity all the same', async () => {
    const { mac, directory, enrollmentId, start } = await startMac()
    const before = mdmCertificate(directory)
    await mac.stop()
    await until(start('--renewal', 'keeps-old'), 'enrolled')
    await host.untilReply(await host.mdm.renewIdentity(enrollmentId))
    expect(mdmCertificate(directory)).toBe(before)
    expect(identities(directory).length).toBe(2)
  })

  test.each([
    ['the topic', { Topic: 'com.apple.mgmt.Other' }],
    ['the server', { ServerURL: 'https://other.example/mdm/connect' }],
    ['the check-in address', { CheckInURL: 'https://other.example/mdm/checkin' }],
    ['the rights, by one more', { AccessRights: 8191n }],
    ['user connections', { ServerCapabilities: ['com.apple.mdm.bootstraptoken'] }],
  ])('that changes %s is refused before any key is made', async (_, changes) => {
    const { directory, enrollmentId } = await startMac()
    const before = mdmCertificate(directory)
    const reply = await send(enrollmentId, installProfile(renewalOf(directory, changes)))
    expect(reply).toMatchObject({ status: 'Error', errorChain: [{ description: 'an update may not change the enrollment' }] })
    expect([mdmCertificate(directory), keys(directory).length]).toEqual([before, 1])
  })

  /** The standing profile as a new one, with one thing changed. */
  function renewalOf(directory: string, changes: Record<string, unknown>) {
    const { mdm, profileIdentifier } = enrollmentOf(directory)
    const common = { PayloadVersion: 1n, PayloadUUID: crypto.randomUUID() }
    const identity = crypto.randomUUID()
    return plistDict({
      ...common,
      PayloadType: 'Configuration',
      PayloadIdentifier: profileIdentifier,
      PayloadContent: [
        plistDict({
          PayloadType: 'com.apple.security.acme',
          PayloadVersion: 1n,
          PayloadIdentifier: 'identity',
          PayloadUUID: identity,
          DirectoryURL: `${host.url}/acme/directory`,
          ClientIdentifier: 'x',
          KeyType: 'ECSECPrimeRandom',
          KeySize: 384n,
          HardwareBound: true,
          Attest: true,
          Subject: [[['CN', 'x']]],
        }),
        plistDict({
          PayloadType: 'com.apple.mdm',
          PayloadVersion: 1n,
          PayloadIdentifier: 'mdm',
          PayloadUUID: crypto.randomUUID(),
          IdentityCertificateUUID: identity,
          Topic: mdm.topic,
          ServerURL: mdm.serverUrl,
          CheckInURL: mdm.checkInUrl,
          AccessRights: BigInt(mdm.accessRights),
          SignMessage: true,
          ServerCapabilities: mdm.serverCapabilities,
          ...changes,
        } as Parameters<typeof plistDict>[0]),
      ],
    })
  }
})

describe('power and state', () => {
  test('a restart and a lock bring a new boot session, and behind the lock nobody answers', async () => {
    const { mac, directory, enrollmentId, start } = await startMac()
    await mac.stop()
    grantAll(directory)
    const managed = start()
    await until(managed, 'enrolled')
    const first = deviceOf(directory).bootSession
    expect((await send(enrollmentId, restartDevice())).status).toBe('Acknowledged')
    await expect.poll(() => deviceOf(directory).bootSession).not.toBe(first)
    const second = deviceOf(directory).bootSession

    expect((await send(enrollmentId, deviceLock({ pin: '123456', message: 'call IT' }))).status).toBe('Acknowledged')
    await until(managed, 'locked')
    const asked = await host.mdm.enqueue(enrollmentId, securityInfo(), { ttlMs: 60_000 })
    await new Promise((resolve) => setTimeout(resolve, 800))
    expect(host.replies.some((reply) => reply.command === asked)).toBe(false)
    changeSystem(directory, ({ lockedWith: _, ...state }) => state) // somebody types the PIN
    expect((await host.untilReply(asked)).status).toBe('Acknowledged')
    expect(deviceOf(directory).bootSession).not.toBe(second)
  })

  test('shut down, it ends; and comes back in another boot session', async () => {
    const { mac, directory, enrollmentId, start } = await startMac()
    await mac.stop()
    grantAll(directory)
    const managed = start()
    await until(managed, 'enrolled')
    const before = deviceOf(directory).bootSession
    await send(enrollmentId, shutDownDevice())
    expect(await managed.exit()).toBe(EXIT.stopped)
    expect(deviceOf(directory).bootSession).not.toBe(before)
  })

  test('erased, it is gone with all that it held, and is the same hardware', async () => {
    const { mac, serial, directory, enrollmentId, start } = await startMac()
    await mac.stop()
    grantAll(directory)
    const managed = start()
    await until(managed, 'enrolled')
    const { udid, provisioningUdid } = deviceOf(directory)
    expect((await send(enrollmentId, eraseDevice())).status).toBe('Acknowledged')
    expect(await managed.exit()).toBe(EXIT.erased)
    expect(readdirSync(directory).sort()).toEqual(['device.json', 'secure-enclave'])
    expect(deviceOf(directory)).toMatchObject({ serial, udid, provisioningUdid })
    expect(keys(directory)).toEqual([])
    // Invited again, it enrolls as the Mac that Apple made.
    const { url } = await host.mdm.invite({ macId: `mac_${serial}`, serial })
    await until(start('--enroll-url', url), 'enrolled')
  })

  test('remote desktop is switched, and SecurityInfo follows', async () => {
    const { enrollmentId } = await startMac()
    expect((await send(enrollmentId, enableRemoteDesktop())).status).toBe('Acknowledged')
    const parsed = parseSecurityInfo(await send(enrollmentId, securityInfo()))
    expect(parsed).toMatchObject({ ok: true, report: { remoteDesktopEnabled: true } })
  })
})

describe('check-ins', () => {
  test('the bootstrap token goes into escrow where the server takes it, and comes back the same', async () => {
    const { mac, directory, start } = await startMac()
    await mac.stop()
    const enrollment = enrollmentOf(directory)
    writeJson(join(directory, 'enrollment.json'), {
      ...enrollment,
      isBootstrapTokenEscrowed: false,
      mdm: { ...enrollment.mdm, serverCapabilities: [...enrollment.mdm.serverCapabilities, 'com.apple.mdm.bootstraptoken'] },
    })
    const asking = start('--get-bootstrap-token')
    expect((await until(asking, 'bootstrap-token')).detail).toBe('same')
    expect(enrollmentOf(directory).isBootstrapTokenEscrowed).toBe(true)
  })

  test('a bootstrap token that was never set is none', async () => {
    const { mac, start } = await startMac('--bootstrap-token', 'never-set')
    await mac.stop()
    expect((await until(start('--bootstrap-token', 'never-set', '--get-bootstrap-token'), 'bootstrap-token')).detail).toBe('none')
  })

  test('the push token changes, and the Mac is reached under the new one', async () => {
    const { mac, directory, enrollmentId, start } = await startMac()
    const before = enrollmentOf(directory).token
    await mac.stop()
    await until(start('--rotate-token'), 'enrolled')
    expect(enrollmentOf(directory).token).not.toBe(before)
    expect((await send(enrollmentId, securityInfo())).status).toBe('Acknowledged')
  })

  test('declarations are fetched when they change, and reported with what was subscribed to', async () => {
    const { mac, directory, enrollmentId } = await startMac()
    const subscription = statusSubscriptions('subscriptions', ['device.operating-system.version', 'no.such.item'])
    const declarations = [subscription, activation('everything', ['subscriptions', 'missing'])]
    host.declare(declarations)
    const tokens = syncTokens({ token: 'any', changedAt: new Date() })
    expect((await send(enrollmentId, declarativeManagement(tokens))).status).toBe('Acknowledged')
    await until(mac, 'declarations')
    const event = host.events.findLast(({ type }) => type === 'declarative-status')?.event as { report: Record<string, unknown> }
    expect(event.report).toMatchObject({
      items: {
        device: { 'operating-system': { version: '26.1' } },
        management: {
          declarations: {
            configurations: [{ identifier: 'subscriptions', valid: 'valid', active: true }],
            activations: [{ identifier: 'everything', valid: 'invalid', reasons: [{ code: 'Error.MissingConfigurations' }] }],
          },
        },
      },
      errors: [{ item: 'no.such.item', codes: ['Error.UnknownStatusItem'] }],
    })
    expect(readJson<{ declarations: unknown[] }>(join(directory, 'declarations.json'))?.declarations.length).toBe(2)
  })
})

describe('an enterprise application', () => {
  async function offer(bytes: Uint8Array, hashed = bytes) {
    const server = createServer((_, response) => response.end(bytes))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const sha256s = [hashed.subarray(0, 1000), hashed.subarray(1000)].map((chunk) => createHash('sha256').update(chunk).digest('hex'))
    const asset = plistDict({
      kind: 'software-package',
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/agent.pkg`,
      'sha256-size': 1000n,
      sha256s,
    })
    const metadata = plistDict({
      kind: 'software',
      'bundle-identifier': 'dev.espalier.agent',
      'bundle-version': '9.8.7',
      title: 'Espalier',
    })
    const Manifest = plistDict({ items: [plistDict({ assets: [asset], metadata })] })
    const command: Command = { requestType: 'InstallEnterpriseApplication', payload: plistDict({ Manifest, InstallAsManaged: true }) }
    return { command, close: () => server.close() }
  }
  const versionOf = async (enrollmentId: string) => {
    const { applications } = parseInstalledApplicationList(await send(enrollmentId, installedApplicationList()))
    return applications.find(({ identifier }) => identifier === 'dev.espalier.agent')?.version
  }

  test('is accepted, fetched, checked and listed', async () => {
    const { mac, enrollmentId } = await startMac()
    const { command, close } = await offer(crypto.getRandomValues(new Uint8Array(1500)))
    expect((await send(enrollmentId, command)).status).toBe('Acknowledged')
    expect((await until(mac, 'installed')).detail).toBe('dev.espalier.agent 9.8.7')
    expect(await versionOf(enrollmentId)).toBe('9.8.7')
    close()
  })

  test('of which one chunk is another is not installed', async () => {
    const { mac, enrollmentId } = await startMac()
    const bytes = crypto.getRandomValues(new Uint8Array(1500))
    const { command, close } = await offer(
      Uint8Array.from(bytes, (byte, at) => (at === 1499 ? byte ^ 1 : byte)),
      bytes,
    )
    await send(enrollmentId, command)
    await mac.until(({ state, detail }) => state === 'waiting' && String(detail).includes('chunk 1'))
    expect(await versionOf(enrollmentId)).not.toBe('9.8.7')
    close()
  })
})

describe('a Mac in Setup Assistant', () => {
  async function assigned(more: object = {}) {
    const serial = `ESPADE${String(++ordinal).padStart(6, '0')}`
    const { adeControlUrl, adeUrl } = readAddress(appleDirectory) ?? { adeControlUrl: '', adeUrl: '' }
    expect(adeUrl).toMatch(/^http:/)
    const control = async (deed: string, body: object) => {
      const response = await fetch(`${adeControlUrl}/${deed}`, { method: 'POST', body: JSON.stringify(body) })
      expect(response.status).toBe(200)
    }
    await control('add-device', { serial_number: serial })
    await control('assign', { serial_number: serial, profile: { profile_name: 'E', url: `${host.url}/enroll/automated`, ...more } })
    const { enrollmentId } = await host.mdm.invite({ macId: `mac_${serial}`, serial, kind: 'automated' })
    host.admit(serial, enrollmentId)
    const directory = join(folder.path, serial)
    const start = (...args: string[]) => {
      const mac = run('mac/main.ts', ['--dir', directory, '--apple', appleDirectory, '--serial', serial, '--no-agent', '--ade', ...args])
      macs.push(mac)
      return mac
    }
    return { directory, enrollmentId, start }
  }

  test('is told where to go, says who it is, and waits until it is configured', async () => {
    const { directory, enrollmentId, start } = await assigned({ await_device_configured: true })
    const mac = start()
    await until(mac, 'enrolled')
    await until(mac, 'awaiting-configuration')
    expect(deviceOf(directory).isEnrolledViaAde).toBe(true)
    expect((await send(enrollmentId, deviceConfigured())).status).toBe('Acknowledged')
    await expect.poll(() => enrollmentOf(directory).isAwaitingConfiguration).toBe(false)
  })

  test.each(['foreign', 'tampered', 'other-serial'])('that shows a %s MachineInfo is not let in', async (lie) => {
    const { directory, start } = await assigned()
    expect(await start('--machine-info', lie).exit()).toBe(EXIT.refused)
    expect(existsSync(join(directory, 'enrollment.json'))).toBe(false)
  })

  test('without a profile goes on unmanaged', async () => {
    const serial = `ESPADE${String(++ordinal).padStart(6, '0')}`
    const args = ['--dir', join(folder.path, serial), '--apple', appleDirectory, '--serial', serial, '--no-agent', '--ade']
    const mac = run('mac/main.ts', args)
    macs.push(mac)
    expect(await mac.exit()).toBe(EXIT.linkSpent)
  })
})
