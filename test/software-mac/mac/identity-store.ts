import { randomBytes, X509Certificate } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, writeJson } from '../durable-file.ts'
import type { EnclaveKey, SecureEnclave } from './secure-enclave.ts'

export type Identity = { key: EnclaveKey; certificate: X509Certificate }

/** What one ACME payload brought: the name of its key in the Secure Enclave, and the chain. `order` tells a payload from its renewal. */
export type StoredIdentity = { keyName: string; chainPem: string; order: string }

/** Certificates that ACME issued, by the UUID of their payload. */
export type IdentityStore = {
  /** A name for the key of a new order: the standing one must go on signing meanwhile. */
  newKeyName(payloadUuid: string): string
  stored(payloadUuid: string): StoredIdentity | undefined
  find(payloadUuid: string): Identity | undefined
  /** In place of an older one, whose key goes. */
  save(payloadUuid: string, identity: StoredIdentity): void
  /** With its key. */
  remove(payloadUuid: string): void
  certificates(): X509Certificate[]
}

export function openIdentityStore(directory: string, enclave: SecureEnclave): IdentityStore {
  const folder = join(directory, 'identities')
  const name = (uuid: string) => `identity-${uuid.toLowerCase().replace(/[^0-9a-f-]/g, '')}`
  const path = (uuid: string) => join(folder, `${name(uuid)}.json`)
  const stored = (uuid: string) => readJson<StoredIdentity>(path(uuid))
  return {
    stored,
    newKeyName: (uuid) => `${name(uuid)}-${randomBytes(4).toString('hex')}`,
    find(uuid) {
      const found = stored(uuid)
      const key = found === undefined ? undefined : enclave.find(found.keyName)
      return found === undefined || key === undefined ? undefined : { key, certificate: new X509Certificate(found.chainPem) }
    },
    save(uuid, identity) {
      const old = stored(uuid)
      writeJson(path(uuid), identity)
      if (old !== undefined && old.keyName !== identity.keyName) enclave.remove(old.keyName)
    },
    remove(uuid) {
      const old = stored(uuid)
      rmSync(path(uuid), { force: true })
      if (old !== undefined) enclave.remove(old.keyName)
    },
    certificates() {
      const found = fileNames(folder).map((file) => readJson<StoredIdentity>(join(folder, file)))
      return found.filter((one) => one !== undefined).map(({ chainPem }) => new X509Certificate(chainPem))
    },
  }
}

function fileNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter((file) => file.endsWith('.json'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
