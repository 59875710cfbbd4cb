import { Buffer } from 'node:buffer'
import { APPLE_ARC, type AttestationOverrides, type EvaluationAuthority, issueAttestation } from './authority.ts'
import type { MadeMac } from './register.ts'

/** What the Mac's Secure Enclave and boot chain tell Apple; a real Mac cannot make this up. */
export type BootFacts = {
  osVersion: string
  sepOsVersion: string
  llb: string
  sipEnabled: boolean
  secureBoot: 'full' | 'reduced' | 'permissive'
  thirdPartyKexts: boolean
}

export type AttestRequest = {
  /** `acme`: at every key generation. `device-information`: through the seven-day cache. `platform-sso`: an extension's key, by its hash. */
  purpose: 'acme' | 'device-information' | 'platform-sso'
  /** SubjectPublicKeyInfo of the key to attest. */
  spki: Uint8Array
  /** ACME: SHA-256(token). DeviceInformation: the raw nonce, absent where the server sent none. */
  freshness: Uint8Array | undefined
  boot: BootFacts
  isUserEnrollment: boolean
  faults: Faults
}

/** What Apple never does: for tests of the verifier's refusals only. */
export type Faults = { serial?: string; isFreshnessMissing?: boolean; blank?: string[] }

export type Attested = {
  /** Leaf first, DER; empty where this Mac cannot be attested. */
  chain: Uint8Array[]
  isCached: boolean
  /** To be remembered as the newest DeviceInformation attestation. */
  remember: MadeMac['lastAttestation']
}

export const SEVEN_DAYS_MS = 7 * 24 * 3600_000
const SECURE_BOOT = { full: 'Full Security', reduced: 'Reduced Security', permissive: 'Permissive Security' }

/** Apple, "Managed Device Attestation": seven days between DeviceInformation attestations of one Mac, no limit for ACME. */
export function attest(options: { authority: EvaluationAuthority; mac: MadeMac; request: AttestRequest; now: Date }): Attested {
  const { mac, request, now } = options
  if (!mac.isAppleSilicon) return { chain: [], isCached: false, remember: undefined }
  const last = mac.lastAttestation
  if (request.purpose === 'device-information' && last !== undefined && !isDue(last, request, now)) {
    return { chain: last.chain.map((der) => new Uint8Array(Buffer.from(der, 'base64'))), isCached: true, remember: undefined }
  }
  const chain = issue(options)
  if (request.purpose !== 'device-information') return { chain, isCached: false, remember: undefined }
  const remember = {
    chain: chain.map((der) => Buffer.from(der).toString('base64')),
    nonceHex: Buffer.from(request.freshness ?? []).toString('hex'),
    at: now.getTime(),
    osVersion: request.boot.osVersion,
  }
  return { chain, isCached: false, remember }
}

/** A changed operating system is attested at once; else both a new nonce and seven days are needed. */
function isDue(last: NonNullable<MadeMac['lastAttestation']>, request: AttestRequest, now: Date): boolean {
  if (last.osVersion !== request.boot.osVersion) return true
  const nonceHex = Buffer.from(request.freshness ?? []).toString('hex')
  return nonceHex !== '' && nonceHex !== last.nonceHex && now.getTime() - last.at >= SEVEN_DAYS_MS
}

function issue({ authority, mac, request, now }: Parameters<typeof attest>[0]): Uint8Array[] {
  return issueAttestation(authority, {
    leafPublicKeySpki: request.spki,
    serial: request.faults.serial ?? mac.serial,
    udid: mac.provisioningUdid,
    osVersion: request.boot.osVersion,
    sepOsVersion: request.boot.sepOsVersion,
    llb: request.boot.llb,
    softwareUpdateDeviceId: mac.softwareUpdateDeviceId,
    freshness: request.freshness ?? new Uint8Array(),
    sip: request.boot.sipEnabled ? 0 : 1,
    secureBoot: SECURE_BOOT[request.boot.secureBoot],
    kexts: request.boot.thirdPartyKexts ? 1 : 0,
    now,
    userEnrollment: request.isUserEnrollment,
    overrides: overridesFor(request),
  })
}

/** What is attested for an extension names the Mac and its key; of the boot state it is silent. */
function overridesFor(request: AttestRequest): AttestationOverrides {
  const isMissing = request.faults.isFreshnessMissing === true || request.freshness === undefined
  const blank = new Set((request.faults.blank ?? []).map((suffix) => `${APPLE_ARC}.${suffix}`))
  return {
    extensions: (extensions) =>
      extensions
        .filter((extension) => !(isMissing && extension.oid === `${APPLE_ARC}.11.1`))
        .filter((extension) => !(request.purpose === 'platform-sso' && extension.oid.startsWith(`${APPLE_ARC}.13.`)))
        .map((extension) => (blank.has(extension.oid) ? { ...extension, value: new Uint8Array() } : extension)),
  }
}
