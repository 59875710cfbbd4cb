import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { base64url, fromBase64url } from '#protocol/bytes'
import { AgentError } from '../errors.ts'
import type { PlatformSso } from './platform.ts'

/** Where the software Mac's extension listens, and the word that it wants to hear: `platform-sso.json`, which only its owner reads. */
const Extension = z.object({ url: z.url(), secret: z.string().min(16) })
const Attested = z.object({ chain: z.array(z.string()).min(1).max(5) })

const TIMEOUT_MS = 30_000

/** Undefined where this software Mac has no extension. */
export async function softwareSso(folder: string): Promise<PlatformSso | undefined> {
  const file = join(folder, 'platform-sso.json')
  if ((await readFile(file, 'utf8').catch(() => undefined)) === undefined) return undefined
  return {
    async attestKey(clientDataHash, signal) {
      // Read anew: the extension has another port after the software Mac was started again.
      const { url, secret } = Extension.parse(JSON.parse(await readFile(file, 'utf8')))
      const response = await fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: JSON.stringify({ clientDataHash: base64url(clientDataHash) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      })
      if (!response.ok) throw new AgentError('key_not_attested', `the extension answered ${response.status}`)
      const { chain } = Attested.parse(await response.json())
      return chain.map((der) => fromBase64url(der) ?? new Uint8Array())
    },
  }
}
