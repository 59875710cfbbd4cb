import { readAddress } from '../apple/directory.ts'
import { type FactoryPurpose, factoryStatement } from '../apple/register.ts'
import type { Device } from './device.ts'
import { type Reply, ServerAway, send } from './http.ts'
import type { EnclaveKey } from './secure-enclave.ts'

/** This Mac's standing with software Apple: where it is now, and the key that Apple knows the Mac by. */
export type AppleLink = {
  /** Read anew for every use: software Apple has other ports after a restart. */
  courierUrl(): string
  signIn(nonce: Uint8Array): Uint8Array
  manufacture(device: Device, signal: AbortSignal): Promise<void>
  attest(body: object, signal: AbortSignal): Promise<Uint8Array[]>
  /** What Apple tells this Mac in Setup Assistant, and the device certificate for the key shown. */
  activate(serial: string, spki: Uint8Array, signal: AbortSignal): Promise<Activation>
}

export type Activation = { certificate: Uint8Array; profile: { url: string; await_device_configured?: boolean } | undefined }

/** Software Apple knows this serial number under another key. */
export class SerialTaken extends Error {}

export function createAppleLink(appleDirectory: string, factoryKey: EnclaveKey): AppleLink {
  const address = () => {
    const found = readAddress(appleDirectory)
    if (found === undefined) throw new ServerAway('software Apple has not started yet')
    return found
  }
  const signed = (purpose: FactoryPurpose, bytes: Uint8Array) => factoryKey.signDer('sha256', factoryStatement(purpose, bytes))
  return {
    courierUrl: () => address().courierUrl,
    signIn: (nonce) => signed('courier', nonce),
    async manufacture(device, signal) {
      const { serial, provisioningUdid, softwareUpdateDeviceId, isAppleSilicon } = device
      const factory = Buffer.from(factoryKey.spki).toString('base64')
      const body = JSON.stringify({ serial, provisioningUdid, softwareUpdateDeviceId, isAppleSilicon, factoryKey: factory })
      const reply = await send({ url: address().manufactureUrl, method: 'POST', body, signal })
      if (reply.status === 409) throw new SerialTaken(`software Apple made another Mac with the serial number ${serial} before`)
      if (reply.status !== 200) throw refused('manufacture', reply)
    },
    async attest(body, signal) {
      const bytes = Buffer.from(JSON.stringify(body))
      const signature = Buffer.from(signed('attest', bytes)).toString('base64url')
      const headers = { 'x-factory-signature': signature }
      const reply = await send({ url: address().attestUrl, method: 'POST', headers, body: bytes, signal })
      if (reply.status !== 200) throw refused('attest', reply)
      const { chain } = JSON.parse(Buffer.from(reply.body).toString()) as { chain: string[] }
      return chain.map((der) => new Uint8Array(Buffer.from(der, 'base64url')))
    },
    async activate(serial, spki, signal) {
      const bytes = Buffer.from(JSON.stringify({ serial, spki: base64url(spki) }))
      const headers = { 'x-factory-signature': base64url(signed('activate', bytes)) }
      const reply = await send({ url: address().activateUrl, method: 'POST', headers, body: bytes, signal })
      if (reply.status !== 200) throw refused('activate', reply)
      const answer = JSON.parse(Buffer.from(reply.body).toString()) as { certificate: string; profile: Activation['profile'] | null }
      return { certificate: new Uint8Array(Buffer.from(answer.certificate, 'base64url')), profile: answer.profile ?? undefined }
    },
  }
}

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')

const refused = (what: string, reply: Reply) =>
  new Error(`software Apple refused to ${what}: ${reply.status} ${Buffer.from(reply.body).toString().slice(0, 200)}`)
