import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { X509CertificateGenerator } from '@peculiar/x509'

const YEAR_MS = 365 * 24 * 3600_000

export type TokenKey = {
  /** PEM; uploaded to Apple Business, which encrypts the server token to it. */
  certificatePem: string
  /** DER; secret */
  pkcs8: Uint8Array
}

/** The key pair that Apple Business encrypts a server token to: RSA-2048, the only kind that it takes. */
export async function createTokenKey(options: { organization: string; now: Date }): Promise<TokenKey> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: Uint8Array.of(1, 0, 1), modulusLength: 2048 }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`${options.organization} enrollment token`] }],
    notBefore: new Date(options.now.getTime() - 3600_000),
    notAfter: new Date(options.now.getTime() + YEAR_MS),
    signingAlgorithm: algorithm,
    keys,
  })
  return {
    certificatePem: `${certificate.toString('pem')}\n`,
    pkcs8: new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
  }
}
