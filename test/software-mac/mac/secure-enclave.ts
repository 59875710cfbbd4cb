import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere, writeDurably } from '../durable-file.ts'

export type Curve = 'P-256' | 'P-384'

/** Stand-in for a key inside the Secure Enclave: callers sign with it, and see no more of it than its public half. */
export type EnclaveKey = {
  curve: Curve
  /** SubjectPublicKeyInfo, DER. */
  spki: Uint8Array
  signDer(hash: 'sha256' | 'sha384', message: Uint8Array): Uint8Array
  /** IEEE P1363, as JWS wants it. */
  signRaw(hash: 'sha256' | 'sha384', message: Uint8Array): Uint8Array
}

export type SecureEnclave = {
  /** The key of this name; made at the first call. */
  open(name: string, curve: Curve): EnclaveKey
  find(name: string): EnclaveKey | undefined
  /** A new key of this name in place of any older one. */
  generate(name: string, curve: Curve): EnclaveKey
  remove(name: string): void
}

export function openSecureEnclave(directory: string): SecureEnclave {
  const path = (name: string) => join(directory, 'secure-enclave', `${name}.pem`)
  const find = (name: string) => {
    const pem = readIfThere(path(name))
    return pem === undefined ? undefined : fromKey(createPrivateKey(pem))
  }
  const generate = (name: string, curve: Curve) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: curve })
    writeDurably(path(name), privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    return fromKey(privateKey)
  }
  const remove = (name: string) => rmSync(path(name), { force: true })
  return { find, generate, remove, open: (name, curve) => find(name) ?? generate(name, curve) }
}

/** A key that is nowhere stored: for the attestation of one DeviceInformation answer, and for one ACME account. */
export const ephemeralKey = (curve: Curve): EnclaveKey => fromKey(generateKeyPairSync('ec', { namedCurve: curve }).privateKey)

function fromKey(key: KeyObject): EnclaveKey {
  return {
    curve: key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'P-384' : 'P-256',
    spki: new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' })),
    signDer: (hash, message) => sign(hash, message, key),
    signRaw: (hash, message) => sign(hash, message, { key, dsaEncoding: 'ieee-p1363' }),
  }
}

export const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())
