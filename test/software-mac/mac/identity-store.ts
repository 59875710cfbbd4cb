import { X509Certificate } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere, writeDurably } from '../durable-file.ts'
import type { EnclaveKey, SecureEnclave } from './secure-enclave.ts'

export type Identity = { key: EnclaveKey; certificate: X509Certificate }

/** Certificates that ACME issued, by the UUID of their payload; each names a key in the Secure Enclave. */
export type IdentityStore = {
  keyName(payloadUuid: string): string
  find(payloadUuid: string): Identity | undefined
  save(payloadUuid: string, chainPem: string): void
  remove(payloadUuid: string): void
  certificates(): X509Certificate[]
}

export function openIdentityStore(directory: string, enclave: SecureEnclave): IdentityStore {
  const folder = join(directory, 'identities')
  const keyName = (uuid: string) => `identity-${uuid.toLowerCase().replace(/[^0-9a-f-]/g, '')}`
  const path = (uuid: string) => join(folder, `${keyName(uuid)}.pem`)
  return {
    keyName,
    find(uuid) {
      const pem = readIfThere(path(uuid))
      const key = enclave.find(keyName(uuid))
      return pem === undefined || key === undefined ? undefined : { key, certificate: new X509Certificate(pem) }
    },
    save: (uuid, chainPem) => writeDurably(path(uuid), chainPem),
    remove: (uuid) => rmSync(path(uuid), { force: true }),
    certificates() {
      const pems = fileNames(folder).map((name) => readIfThere(join(folder, name)))
      return pems.filter((pem) => pem !== undefined).map((pem) => new X509Certificate(pem))
    },
  }
}

function fileNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.pem'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
