import type { Certificate } from './certificate.ts'
import { DerError, decodeInteger, readOnly, TAG } from './der.ts'

/**
 * What Apple attests about a Mac, as extensions of the leaf. Apple: "If Apple's servers cannot verify a property they give a
 * blank value, omit the OID, or refuse", so everything but a known value counts as unknown, and unknown is never good.
 */
export type Property<T> =
  | { state: 'known'; value: T; raw: Uint8Array }
  | { state: 'missing' }
  | { state: 'blank' }
  | { state: 'malformed'; raw: Uint8Array }
  | { state: 'duplicate' }

export type AttestedProperties = {
  serial: Property<string>
  /** The ProvisioningUDID of a Mac; never the UDID that MDM uses. */
  udid: Property<string>
  softwareUpdateDeviceId: Property<string>
  osVersion: Property<string>
  sepOsVersion: Property<string>
  llbVersion: Property<string>
  freshness: Property<Uint8Array>
  sip: Property<'enabled' | 'disabled'>
  secureBoot: Property<'full' | 'reduced' | 'permissive'>
  kexts: Property<'none' | 'allowed'>
}

/** Apple's arc for attested device properties. */
const ARC = '1.2.840.113635.100.8'

export const PROPERTY_OIDS = {
  serial: `${ARC}.9.1`,
  udid: `${ARC}.9.2`,
  softwareUpdateDeviceId: `${ARC}.9.4`,
  osVersion: `${ARC}.10.1`,
  sepOsVersion: `${ARC}.10.2`,
  llbVersion: `${ARC}.10.3`,
  freshness: `${ARC}.11.1`,
  sip: `${ARC}.13.1`,
  secureBoot: `${ARC}.13.2`,
  kexts: `${ARC}.13.3`,
} as const satisfies Record<keyof AttestedProperties, string>

const SECURE_BOOT: ReadonlyMap<string, 'full' | 'reduced' | 'permissive'> = new Map([
  ['Full Security', 'full'],
  ['Reduced Security', 'reduced'],
  ['Permissive Security', 'permissive'],
])

/**
 * Reads the properties of a leaf. Texts and the freshness code are the raw octets of extnValue, never a DER string inside it;
 * only SIP and kernel extensions are a DER INTEGER. One way of reading each: a raw nonce may look like DER, and `0` is 0x30.
 */
export function readProperties(leaf: Certificate): AttestedProperties {
  const read = <T>(name: keyof AttestedProperties, decode: (raw: Uint8Array) => T | undefined): Property<T> => {
    const found = leaf.extensions.filter((extension) => extension.oid === PROPERTY_OIDS[name])
    const [first] = found
    if (first === undefined) return { state: 'missing' }
    if (found.length > 1) return { state: 'duplicate' }
    if (first.value.length === 0) return { state: 'blank' }
    const value = decode(first.value)
    return value === undefined ? { state: 'malformed', raw: first.value } : { state: 'known', value, raw: first.value }
  }
  return {
    serial: read('serial', text(/^[0-9A-Za-z-]{1,64}$/)),
    udid: read('udid', text(/^[0-9A-Za-z-]{1,64}$/)),
    softwareUpdateDeviceId: read('softwareUpdateDeviceId', text(PRINTABLE)),
    osVersion: read('osVersion', text(/^\d{1,4}(\.\d{1,4}){0,3}$/)),
    sepOsVersion: read('sepOsVersion', text(PRINTABLE)),
    llbVersion: read('llbVersion', text(PRINTABLE)),
    freshness: read('freshness', (raw) => (raw.length <= MAX_FRESHNESS_BYTES ? raw : undefined)),
    sip: read('sip', (raw) => whenZero(raw, 'enabled', 'disabled')),
    secureBoot: read('secureBoot', (raw) => SECURE_BOOT.get(ascii(raw))),
    kexts: read('kexts', (raw) => whenZero(raw, 'none', 'allowed')),
  }
}

/** A DeviceAttestationNonce has at most 32 bytes and SHA-256 exactly 32; the rest is room for what Apple may do. */
const MAX_FRESHNESS_BYTES = 64
const PRINTABLE = /^[!-~]([ -~]{0,126}[!-~])?$/

const ascii = (raw: Uint8Array): string => Buffer.from(raw).toString('latin1')

const text = (pattern: RegExp) => (raw: Uint8Array) => {
  const value = ascii(raw)
  return pattern.test(value) ? value : undefined
}

/** Apple: 0 = protected; every other number is not. Anything but a DER INTEGER is unknown. */
function whenZero<Zero, Other>(raw: Uint8Array, zero: Zero, other: Other): Zero | Other | undefined {
  try {
    return decodeInteger(readOnly(raw, TAG.integer).content) === 0n ? zero : other
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}

/** The value, where Apple gave one that could be understood. */
export const known = <T>(property: Property<T>): T | undefined => (property.state === 'known' ? property.value : undefined)
