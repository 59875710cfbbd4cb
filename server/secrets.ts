import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { existsSync, linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The keys that the appliance stores (CA, push, log, bootstrap) are kept sealed under ESPALIER_SECRET.
 *
 * Envelope, version 1: version (1 byte) ‖ key id (8) ‖ nonce (12) ‖ AES-256-GCM ciphertext ‖ tag (16).
 * The AES key and the key id come from the secret by HKDF-SHA-256 (RFC 5869); the additional data are version, key id and the
 * name, so that an envelope moved to another name does not open. Nonces are random: NIST SP 800-38D §8.3 allows 2^32 per key.
 */
const VERSION = 1
const KEY_ID_BYTES = 8
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES

export type SecretBox = {
  seal(name: string, bytes: Uint8Array): Uint8Array
  /** Throws SealedWithOtherSecret or EnvelopeDamaged. */
  open(name: string, envelope: Uint8Array): Uint8Array
  /** The same content under the present secret; opens with any secret of the box. */
  rewrap(name: string, envelope: Uint8Array): Uint8Array
  /** False for an envelope that `rewrap` should renew. */
  isCurrent(envelope: Uint8Array): boolean
}

export class SealedWithOtherSecret extends Error {
  override readonly name = 'SealedWithOtherSecret'
}

export class EnvelopeDamaged extends Error {
  override readonly name = 'EnvelopeDamaged'
}

type DerivedKey = { id: Buffer; key: Buffer }

/** `previous`: secrets that were replaced, still good for opening until everything is rewrapped. */
export function createSecretBox(secret: string, previous: string[] = [], random: (size: number) => Uint8Array = randomBytes): SecretBox {
  const current = derive(secret)
  const all = [current, ...previous.map(derive)]

  const seal = (name: string, bytes: Uint8Array): Uint8Array => {
    const nonce = random(NONCE_BYTES)
    const header = Buffer.concat([Buffer.of(VERSION), current.id, nonce])
    const cipher = createCipheriv('aes-256-gcm', current.key, nonce)
    cipher.setAAD(additionalData(header, name))
    return Uint8Array.from(Buffer.concat([header, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]))
  }

  const open = (name: string, envelope: Uint8Array): Uint8Array => {
    const sealed = readEnvelope(name, envelope)
    const derived = all.find((candidate) => candidate.id.equals(sealed.keyId))
    if (!derived)
      throw new SealedWithOtherSecret(`“${name}” was sealed with another ESPALIER_SECRET. Bring that secret back, or restore a backup.`)
    const decipher = createDecipheriv('aes-256-gcm', derived.key, sealed.nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(additionalData(sealed.header, name))
    decipher.setAuthTag(sealed.tag)
    try {
      return Uint8Array.from(Buffer.concat([decipher.update(sealed.ciphertext), decipher.final()]))
    } catch (cause) {
      throw new EnvelopeDamaged(`The stored “${name}” is damaged or was made for another name.`, { cause })
    }
  }

  return {
    seal,
    open,
    rewrap: (name, envelope) => seal(name, open(name, envelope)),
    isCurrent: (envelope) => envelope[0] === VERSION && current.id.equals(envelope.subarray(1, 1 + KEY_ID_BYTES)),
  }
}

function readEnvelope(name: string, envelope: Uint8Array) {
  const bytes = Buffer.from(envelope)
  if (bytes.length < HEADER_BYTES + TAG_BYTES) throw new EnvelopeDamaged(`The stored “${name}” is cut short.`)
  if (bytes[0] !== VERSION)
    throw new EnvelopeDamaged(`The stored “${name}” has envelope version ${bytes[0]}, which this program does not know.`)
  return {
    header: bytes.subarray(0, HEADER_BYTES),
    keyId: bytes.subarray(1, 1 + KEY_ID_BYTES),
    nonce: bytes.subarray(1 + KEY_ID_BYTES, HEADER_BYTES),
    ciphertext: bytes.subarray(HEADER_BYTES, -TAG_BYTES),
    tag: bytes.subarray(-TAG_BYTES),
  }
}

const additionalData = (header: Uint8Array, name: string): Buffer =>
  Buffer.concat([header.subarray(0, 1 + KEY_ID_BYTES), Buffer.from(name, 'utf8')])

function derive(secret: string): DerivedKey {
  const part = (info: string, length: number): Buffer => Buffer.from(hkdfSync('sha256', secret, 'espalier/secret-box/1', info, length))
  return { id: part('key id', KEY_ID_BYTES), key: part('aes-256-gcm', 32) }
}

/** The secret of `$ESPALIER_DATA/secret`, made at the first start. For evaluation: production is given its secret from outside. */
export function readOrMakeSecret(dataDir: string): string {
  const file = join(dataDir, 'secret')
  if (!existsSync(file)) {
    // Written aside and linked: a start that is interrupted leaves a whole secret or none.
    const unfinished = `${file}.${process.pid}`
    writeFileSync(unfinished, randomBytes(32).toString('base64url'), { mode: 0o600 })
    linkSync(unfinished, file)
    unlinkSync(unfinished)
  }
  const secret = readFileSync(file, 'utf8').trim()
  if (secret.length < 32) throw new Error(`${file} is too short to be the secret that was made here. Bring it back from a backup.`)
  return secret
}
