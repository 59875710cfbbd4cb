import { createPublicKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Signer } from '#protocol/statements'
import { keyCertificate } from './key-certificate.ts'

function signer(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  return {
    publicKey: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    sign: async (message) => new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  }
}

test('carries the agent’s key under the asked name, signed by that key, and is no authority', async () => {
  const agent = signer()
  const now = Date.parse('2026-11-21T12:00:00Z')
  const certificate = new X509Certificate(await keyCertificate({ signer: agent, commonName: `espalier ${'ab'.repeat(32)}`, now }))
  expect(certificate.subject).toBe(`CN=espalier ${'ab'.repeat(32)}`)
  expect(certificate.issuer).toBe(certificate.subject)
  expect(certificate.verify(createPublicKey({ key: Buffer.from(agent.publicKey), format: 'der', type: 'spki' }))).toBe(true)
  expect(new Uint8Array(certificate.publicKey.export({ type: 'spki', format: 'der' }))).toEqual(agent.publicKey)
  expect(certificate.ca).toBe(false)
  expect([certificate.validFromDate.toISOString(), certificate.validToDate.toISOString()]).toEqual([
    '2026-11-21T11:59:00.000Z',
    '2026-12-21T12:00:00.000Z',
  ])
})

test('is well formed for every name and signature', async () => {
  const agent = signer()
  await fc.assert(
    fc.asyncProperty(fc.stringMatching(/^[ -*\--.0-~]{1,180}$/), async (commonName) => {
      const certificate = new X509Certificate(await keyCertificate({ signer: agent, commonName, now: Date.now() }))
      expect(certificate.verify(certificate.publicKey)).toBe(true)
    }),
    { numRuns: 60 },
  )
})
