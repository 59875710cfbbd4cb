import { createHash, X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SystemKeychain } from './platform.ts'

/** `system-keychain/` of a software Mac: one certificate a file, which its CertificateList reports. */
export function softwareKeychain(folder: string): SystemKeychain {
  const keychain = join(folder, 'system-keychain')
  return {
    async publish(certificate) {
      await mkdir(keychain, { recursive: true, mode: 0o700 })
      const name = `${createHash('sha256').update(certificate).digest('hex')}.der`
      const temporary = join(keychain, `${name}.new`)
      await writeFile(temporary, certificate, { mode: 0o600 })
      await rename(temporary, join(keychain, name))
      for (const other of await readdir(keychain)) {
        if (other.endsWith('.der') && other !== name && (await isOurs(join(keychain, other))))
          await rm(join(keychain, other), { force: true })
      }
    },
  }
}

/** Of what else lies there, nothing is touched. */
async function isOurs(file: string): Promise<boolean> {
  try {
    return new X509Certificate(await readFile(file)).subject.startsWith('CN=espalier ')
  } catch {
    return false
  }
}
