import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Issuer } from './ports.ts'

const YEAR_MS = 365 * 24 * 3600_000
const EKU_EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4'

type NewIssuer = { organization: string; now: Date }

/** The CA of one installation, P-384, that issues Macs their MDM identities and nothing else. Its key is extractable, to be wrapped and stored. */
export async function createDeviceCa(options: NewIssuer): Promise<Issuer> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify'])
  return selfSigned(keys, {
    ...options,
    commonName: `${options.organization} device CA`,
    years: 20,
    hash: 'SHA-384',
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  })
}

/** RSA-3072, because SCEP's clients encrypt to it. It issues identities of which nothing is attested, apart from the device CA's. */
export async function createScepCa(options: NewIssuer): Promise<Issuer> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 3072, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const uses = KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment
  return selfSigned(keys, {
    ...options,
    commonName: `${options.organization} SCEP CA`,
    years: 20,
    hash: 'SHA-256',
    extensions: [new BasicConstraintsExtension(true, 0, true), new KeyUsagesExtension(uses, true)],
  })
}

/** Signs the enrollment profiles of one installation, P-256. */
export async function createProfileSigner(options: NewIssuer): Promise<Issuer> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  return selfSigned(keys, {
    ...options,
    commonName: `${options.organization} enrollment`,
    years: 10,
    hash: 'SHA-256',
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([EKU_EMAIL_PROTECTION]),
    ],
  })
}

/** For the caller's wrapping: the private key as PKCS #8. */
export async function exportPrivateKey(issuer: Issuer): Promise<Uint8Array> {
  return new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', issuer.privateKey))
}

/** Takes a stored issuer back into use; from here its key cannot be exported again. */
export async function importIssuer(stored: { certificate: Uint8Array; pkcs8: Uint8Array; curve: 'P-256' | 'P-384' }): Promise<Issuer> {
  const algorithm = { name: 'ECDSA', namedCurve: stored.curve }
  const privateKey = await webcrypto.subtle.importKey('pkcs8', new Uint8Array(stored.pkcs8), algorithm, false, ['sign'])
  return { certificate: stored.certificate, privateKey }
}

async function selfSigned(
  keys: webcrypto.CryptoKeyPair,
  options: NewIssuer & { commonName: string; years: number; hash: 'SHA-256' | 'SHA-384'; extensions: Extension[] },
): Promise<Issuer> {
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [options.commonName] }, { O: [options.organization] }],
    notBefore: new Date(options.now.getTime() - 3600_000),
    notAfter: new Date(options.now.getTime() + options.years * YEAR_MS),
    signingAlgorithm: { name: keys.privateKey.algorithm.name, hash: options.hash },
    keys,
    extensions: [...options.extensions, await SubjectKeyIdentifierExtension.create(keys.publicKey)],
  })
  return { certificate: new Uint8Array(certificate.rawData), privateKey: keys.privateKey }
}
