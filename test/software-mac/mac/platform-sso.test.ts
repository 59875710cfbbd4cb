import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { verifyChain } from '../../../server/attestation/chain.ts'
import { known, readProperties } from '../../../server/attestation/properties.ts'
import { createEvaluationAnchors } from '../../../server/attestation/roots.ts'
import { openKeys } from '../apple/directory.ts'
import { readJson } from '../durable-file.ts'
import { type Running, scratch, startApple } from '../testing/processes.ts'
import { createAppleLink } from './apple-link.ts'
import { createAttestor } from './attestor.ts'
import { manufacture } from './device.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import { startPlatformSso } from './platform-sso.ts'
import { openSecureEnclave } from './secure-enclave.ts'

/** The extension over real HTTP, under the real software Apple, judged by the server's own chain verifier. */
const folder = scratch()
const appleDirectory = join(folder.path, 'apple')
let apple: Running
const opened: { close(): void }[] = []
let ordinal = 0

beforeAll(async () => {
  apple = await startApple(appleDirectory)
})
afterEach(() => {
  for (const extension of opened.splice(0)) extension.close()
})
afterAll(async () => {
  await apple.stop()
  folder.remove()
})

async function startExtension(misbehaviour: Misbehaviour = {}) {
  const directory = join(folder.path, String(++ordinal))
  const device = manufacture(`ESPSSO${String(ordinal).padStart(6, '0')}`)
  const enclave = openSecureEnclave(directory)
  const { signal } = new AbortController()
  const link = createAppleLink(appleDirectory, enclave.open('factory', 'P-256'))
  await link.manufacture(device, signal)
  const attestor = createAttestor({ directory, link, device: () => device, misbehaviour })
  opened.push(await startPlatformSso({ directory, enclave, attestor, signal }))
  const key = enclave.open('agent-key', 'P-256')
  const where = readJson<{ url: string; secret: string }>(join(directory, 'platform-sso.json')) ?? { url: '', secret: '' }
  const ask = (hash: Uint8Array, secret = where.secret) =>
    fetch(where.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({ clientDataHash: Buffer.from(hash).toString('base64url') }),
    })
  const attest = async (hash: Uint8Array) => {
    const { chain } = (await (await ask(hash)).json()) as { chain: string[] }
    return judged(chain.map((der) => new Uint8Array(Buffer.from(der, 'base64url'))))
  }
  return { device, key, ask, attest }
}

function judged(chain: Uint8Array[]) {
  const pem = openKeys(appleDirectory, new Date()).authority.rootDer
  const verified = verifyChain(chain, createEvaluationAnchors(pem), new Date())
  const leaf = new X509Certificate(chain[0] ?? new Uint8Array())
  const spki = new Uint8Array(leaf.publicKey.export({ type: 'spki', format: 'der' }))
  return { isTrusted: verified.ok, spki, properties: verified.ok ? readProperties(verified.leaf) : undefined }
}

const hashOf = (text: string) => new Uint8Array(createHash('sha256').update(text).digest())

describe('the Platform SSO extension', () => {
  test('has Apple attest this Mac’s own agent key under the hash that it was given', async () => {
    const { device, key, attest } = await startExtension()
    const { isTrusted, spki, properties } = await attest(hashOf('client data'))
    expect(isTrusted).toBe(true)
    expect(spki).toEqual(key.spki)
    if (properties === undefined) return
    expect(known(properties.serial)).toBe(device.serial)
    expect(known(properties.udid)).toBe(device.provisioningUdid)
    expect(known(properties.freshness)).toEqual(hashOf('client data'))
  })

  test('answers only who knows its word, and only about a hash', async () => {
    const { ask } = await startExtension()
    expect((await ask(hashOf('x'), 'a word of somebody else')).status).toBe(401)
    expect((await ask(randomBytes(16))).status).toBe(400)
  })

  test('with its cache answers the second question with the first one’s attestation', async () => {
    const { attest } = await startExtension({ sso: 'cached' })
    await attest(hashOf('first'))
    const { properties } = await attest(hashOf('second'))
    expect(properties && known(properties.freshness)).toEqual(hashOf('first'))
  })

  test.each([['foreign-key'], ['wrong-freshness'], ['no-freshness'], ['anonymous']] as const)('lies in one way only: %s', async (sso) => {
    const { device, key, attest } = await startExtension({ sso })
    const { isTrusted, spki, properties } = await attest(hashOf('asked'))
    expect(isTrusted).toBe(true)
    const freshness = properties && known(properties.freshness)
    expect(Buffer.compare(spki, key.spki) !== 0).toBe(sso === 'foreign-key')
    expect(freshness === undefined).toBe(sso === 'no-freshness')
    if (sso === 'wrong-freshness') expect(freshness).not.toEqual(hashOf('asked'))
    expect(properties && known(properties.serial)).toBe(sso === 'anonymous' ? undefined : device.serial)
  })
})
