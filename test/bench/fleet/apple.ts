import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createApns } from '../../software-mac/apple/apns.ts'
import { type AttestRequest, attest } from '../../software-mac/apple/attest.ts'
import { openKeys, writeAddress } from '../../software-mac/apple/directory.ts'
import type { MadeMac, PushToken } from '../../software-mac/apple/register.ts'
import type { Device } from '../../software-mac/mac/device.ts'
import { type Lock, lockWithin } from '../../software-mac/process-lock.ts'

/**
 * The software Apple of thousands of Macs: the same authority, attestation rules and APNs server as the one that stands alone, over a
 * register in memory, since that one writes its whole register for every change.
 */
export type FleetApple = {
  /** The Mac's push token (hex). */
  manufacture(device: Device, onPush: (magic: string) => void): string
  attest(device: Device, about: Pick<AttestRequest, 'purpose' | 'spki' | 'freshness'>): Uint8Array[]
  close(): Promise<void>
}

type Made = { mac: MadeMac; token: PushToken; onPush: (magic: string) => void }

export async function openFleetApple(directory: string): Promise<FleetApple> {
  const lock = await takeLock(directory)
  const { authority, push } = openKeys(directory, new Date())
  const macs = new Map<string, Made>()
  const serials = new Map<string, string>()
  const made = (serial: string): Made => {
    const found = macs.get(serial)
    if (found === undefined) throw new TypeError(`no Mac ${serial} was made`)
    return found
  }
  const apns = createApns({
    push,
    findToken: (token) => macs.get(serials.get(token) ?? '')?.token,
    deliver: (serial, { magic }) => made(serial).onPush(magic),
    now: () => new Date(),
  })
  apns.server.listen(0, '127.0.0.1')
  await once(apns.server, 'listening')
  const nowhere = 'http://127.0.0.1:9'
  const unused = { courierUrl: nowhere, attestUrl: nowhere, manufactureUrl: nowhere, activateUrl: nowhere, adeUrl: nowhere }
  const { port } = apns.server.address() as { port: number }
  writeAddress(directory, {
    ...unused,
    ...{ url: `https://127.0.0.1:${port}`, caPem: push.caPem, adeControlUrl: nowhere, pid: process.pid },
  })
  return {
    manufacture({ serial, provisioningUdid, softwareUpdateDeviceId, isAppleSilicon }, onPush) {
      const token = createHash('sha256').update(serial).digest('hex')
      const mac = { serial, provisioningUdid, softwareUpdateDeviceId, isAppleSilicon, factoryKey: '' }
      macs.set(serial, { mac, token: { serial, topic: push.topic, isActive: true }, onPush })
      serials.set(token, serial)
      return token
    },
    attest(device, about) {
      const { mac } = made(device.serial)
      const boot = {
        ...{ osVersion: device.osVersion, sepOsVersion: device.sepOsVersion, llb: device.llb, sipEnabled: device.sip },
        ...{ secureBoot: device.secureBoot, thirdPartyKexts: device.kexts },
      }
      const request = { ...about, boot, isUserEnrollment: false, faults: {} }
      const { chain, remember } = attest({ authority, mac, request, now: new Date() })
      if (remember !== undefined) mac.lastAttestation = remember
      return chain
    },
    async close() {
      apns.close()
      await new Promise((resolve) => apns.server.close(resolve))
      lock.release()
    },
  }
}

async function takeLock(directory: string): Promise<Lock> {
  const lock = await lockWithin(join(directory, 'lock'), 5_000)
  if (lock === 'held') throw new Error('another software Apple serves this appliance')
  return lock
}
