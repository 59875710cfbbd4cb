import { createPublicKey, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { signContent } from './cms/sign-content.ts'
import { createDeviceCa, createProfileSigner, exportPrivateKey, importIssuer } from './issuer.ts'

const options = { organization: 'Example AG', now: new Date('2026-11-02T09:00:00Z') }

test('the device CA is a P-384 authority for leaves only', async () => {
  const ca = new X509Certificate((await createDeviceCa(options)).certificate)
  expect(ca.ca).toBe(true)
  expect(ca.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'secp384r1' })
  expect(ca.verify(createPublicKey(ca.publicKey.export({ type: 'spki', format: 'pem' })))).toBe(true)
})

test('an issuer that was stored and taken back signs as before, and gives its key away no more', async () => {
  const made = await createProfileSigner(options)
  const taken = await importIssuer({ certificate: made.certificate, pkcs8: await exportPrivateKey(made), curve: 'P-256' })
  expect((await signContent(Uint8Array.of(1), taken)).length).toBeGreaterThan(500)
  await expect(exportPrivateKey(taken)).rejects.toThrow()
})
