import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type AttestRequest, attest } from '../apple/attest.ts'
import { createEvaluationAuthority, type EvaluationAuthority } from '../apple/authority.ts'
import { readJson, writeJson } from '../durable-file.ts'
import type { AppleLink } from './apple-link.ts'
import type { Device } from './device.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import { ephemeralKey, sha256 } from './secure-enclave.ts'

/** Obtains attestations from (software) Apple; chains are leaf first, and empty where this Mac cannot be attested. */
export type Attestor = {
  /** For DeviceInformation: freshness is the server's nonce itself, and the key is a fresh one each time. */
  deviceProperties(nonce: Uint8Array | undefined, signal: AbortSignal): Promise<Uint8Array[]>
  /** For ACME: freshness is SHA-256 of the token's ASCII characters, and the key the one being certified. */
  acmeKey(token: string, spki: Uint8Array, signal: AbortSignal): Promise<Uint8Array[]>
  /** For Platform SSO: freshness is the hash that the extension was given, the key its own. */
  extensionKey(clientDataHash: Uint8Array, spki: Uint8Array, signal: AbortSignal): Promise<Uint8Array[]>
}

type Request = {
  purpose: AttestRequest['purpose']
  spki: Uint8Array
  freshness: Uint8Array | undefined
  isFreshnessMissing: boolean
  isAnonymous?: boolean
}

export function createAttestor(options: {
  directory: string
  link: AppleLink
  device: () => Device
  misbehaviour: Misbehaviour
}): Attestor {
  const { device, misbehaviour } = options
  const replayFile = join(options.directory, 'kept-attestation.json')
  /** The extension and its key are one each here: so is the cache. */
  const extensionFile = join(options.directory, 'kept-extension-attestation.json')
  let impostor: EvaluationAuthority | undefined

  async function ask(request: Request, signal: AbortSignal): Promise<Uint8Array[]> {
    const faults = {
      ...(misbehaviour.attestedSerial === undefined ? {} : { serial: misbehaviour.attestedSerial }),
      ...(request.isFreshnessMissing ? { isFreshnessMissing: true } : {}),
    }
    const isUserEnrollment = device().isUserEnrollment || request.isAnonymous === true
    const common = { purpose: request.purpose, boot: bootFacts(device()), isUserEnrollment, faults }
    if (misbehaviour.root === 'foreign') {
      impostor ??= createEvaluationAuthority({ now: new Date() })
      return attestAlone(impostor, device(), { ...common, spki: request.spki, freshness: request.freshness })
    }
    const freshness = request.freshness === undefined ? {} : { freshness: base64url(request.freshness) }
    return options.link.attest({ ...common, serial: device().serial, spki: base64url(request.spki), ...freshness }, signal)
  }

  async function keptOr(file: string, fresh: () => Promise<Uint8Array[]>): Promise<Uint8Array[]> {
    const kept = readJson<string[]>(file) ?? (await fresh()).map(base64url)
    writeJson(file, kept)
    return kept.map((der) => new Uint8Array(Buffer.from(der, 'base64url')))
  }

  return {
    async deviceProperties(nonce, signal) {
      const { spki } = ephemeralKey('P-384')
      const about = (freshness: Uint8Array | undefined): Request => ({
        purpose: 'device-information',
        spki,
        freshness,
        isFreshnessMissing: misbehaviour.nonce === 'missing',
      })
      if (misbehaviour.nonce === 'replayed') return keptOr(replayFile, () => ask(about(randomBytes(32)), signal))
      return ask(about(nonce), signal)
    },
    async acmeKey(token, spki, signal) {
      const about = misbehaviour.acmeFreshness === 'wrong' ? `${token}.` : token
      const isFreshnessMissing = misbehaviour.acmeFreshness === 'missing'
      return ask({ purpose: 'acme', spki, freshness: sha256(Buffer.from(about, 'ascii')), isFreshnessMissing }, signal)
    },
    async extensionKey(clientDataHash, spki, signal) {
      const lie = misbehaviour.sso
      const about: Request = {
        purpose: 'platform-sso',
        spki: lie === 'foreign-key' ? ephemeralKey('P-256').spki : spki,
        freshness: lie === 'wrong-freshness' ? randomBytes(32) : clientDataHash,
        isFreshnessMissing: lie === 'no-freshness',
        isAnonymous: lie === 'anonymous',
      }
      return lie === 'cached' ? keptOr(extensionFile, () => ask(about, signal)) : ask(about, signal)
    },
  }
}

function attestAlone(authority: EvaluationAuthority, device: Device, request: AttestRequest): Uint8Array[] {
  const { serial, provisioningUdid, softwareUpdateDeviceId, isAppleSilicon } = device
  const mac = { serial, provisioningUdid, softwareUpdateDeviceId, isAppleSilicon, factoryKey: '' }
  return attest({ authority, mac, request, now: new Date() }).chain
}

const bootFacts = (device: Device): AttestRequest['boot'] => ({
  osVersion: device.osVersion,
  sepOsVersion: device.sepOsVersion,
  llb: device.llb,
  sipEnabled: device.sip,
  secureBoot: device.secureBoot,
  thirdPartyKexts: device.kexts,
})

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
