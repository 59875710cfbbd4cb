import { randomBytes } from 'node:crypto'
import { utf8 } from '#protocol/bytes'
import type { Signer } from '#protocol/statements'

/**
 * The self-signed certificate (RFC 5280) of the agent's key that goes into the System keychain: nobody trusts it, it only carries the key
 * and a name that the coordinator chose, to where the Mac's MDM client reports it.
 */
export async function keyCertificate(options: { signer: Signer; commonName: string; now: number }): Promise<Uint8Array> {
  const { signer, commonName, now } = options
  const name = sequence(setOf(sequence(COMMON_NAME, tlv(0x0c, utf8(commonName)))))
  const tbs = sequence(
    tlv(0xa0, tlv(0x02, Uint8Array.of(2))),
    tlv(0x02, serialNumber()),
    ECDSA_WITH_SHA256,
    name,
    sequence(utcTime(now - CLOCK_SKEW_MS), utcTime(now + LIFE_MS)),
    name,
    signer.publicKey,
    tlv(0xa3, sequence(NOT_A_CA, DIGITAL_SIGNATURE_ONLY)),
  )
  return sequence(tbs, ECDSA_WITH_SHA256, tlv(0x03, Uint8Array.of(0), derSignature(await signer.sign(tbs))))
}

/** It is asked for again with every new session that needs it. */
const LIFE_MS = 30 * 24 * 3600_000
const CLOCK_SKEW_MS = 60_000

const fixed = (hexText: string): Uint8Array => new Uint8Array(Buffer.from(hexText, 'hex'))
/** 2.5.4.3 */
const COMMON_NAME = fixed('0603550403')
/** 1.2.840.10045.4.3.2, without parameters (RFC 5758 §3.2). */
const ECDSA_WITH_SHA256 = fixed('300a06082a8648ce3d040302')
/** basicConstraints, critical, empty: not a certificate authority. */
const NOT_A_CA = fixed('300c0603551d130101ff04023000')
/** keyUsage, critical: digitalSignature. */
const DIGITAL_SIGNATURE_ONLY = fixed('300e0603551d0f0101ff040403020780')

const sequence = (...parts: Uint8Array[]): Uint8Array => tlv(0x30, ...parts)
const setOf = (part: Uint8Array): Uint8Array => tlv(0x31, part)

function tlv(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts)
  const { length } = content
  const header = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff]
  return new Uint8Array(Buffer.concat([Uint8Array.from(header), content]))
}

/** 127 random bits: positive and in the fewest bytes. */
function serialNumber(): Uint8Array {
  const bytes = new Uint8Array(randomBytes(16))
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40
  return bytes
}

/** RFC 5280 §4.1.2.5.1: this agent does not outlive 2049. */
const utcTime = (ms: number): Uint8Array => tlv(0x17, utf8(`${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`))

/** IEEE P1363 → ECDSA-Sig-Value (RFC 3279 §2.2.3). */
const derSignature = (raw: Uint8Array): Uint8Array => sequence(unsigned(raw.subarray(0, 32)), unsigned(raw.subarray(32)))

function unsigned(bytes: Uint8Array): Uint8Array {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const shortest = bytes.subarray(start)
  return (shortest[0] as number) >= 0x80 ? tlv(0x02, Uint8Array.of(0), shortest) : tlv(0x02, shortest)
}
