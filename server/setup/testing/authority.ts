import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: Uint8Array.of(1, 0, 1), modulusLength: 2048 }
const DAY_MS = 24 * 3600_000

export type Issued = { certificatePem: string; keyPem: string; der: Uint8Array }

type Wish = {
  name: string
  hosts?: string[]
  isCa?: boolean
  usages?: KeyUsageFlags
  key?: 'EC' | 'RSA'
  notBefore?: Date
  notAfter?: Date
}

export type Authority = Issued & {
  issue(wish: Wish): Promise<Issued>
  /** An intermediate under this one. */
  authority(name: string): Promise<Authority>
}

/** A certificate authority made of software, for tests of what is under whom. */
export function createAuthority(name: string, wish: Omit<Wish, 'name'> = { isCa: true }): Promise<Authority> {
  return make({ ...wish, name }, undefined)
}

type Signer = { name: string; key: webcrypto.CryptoKey }

async function make(wish: Wish, signer: Signer | undefined): Promise<Authority> {
  const algorithm = wish.key === 'RSA' ? RSA : EC
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const subject = `CN=${wish.name}`
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: signer?.name ?? subject,
    notBefore: wish.notBefore ?? new Date(Date.now() - DAY_MS),
    notAfter: wish.notAfter ?? new Date(Date.now() + 300 * DAY_MS),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    publicKey: keys.publicKey,
    signingKey: signer?.key ?? keys.privateKey,
    extensions: extensionsOf(wish),
  })
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  const self: Signer = { name: subject, key: keys.privateKey }
  return {
    certificatePem: `${certificate.toString('pem')}\n`,
    keyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    der: new Uint8Array(certificate.rawData),
    issue: (wanted) => make(wanted, self),
    authority: (intermediate) => make({ name: intermediate, isCa: true }, self),
  }
}

function extensionsOf({ isCa = false, hosts, usages }: Wish): Extension[] {
  const uses = usages ?? (isCa ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature)
  return [
    new BasicConstraintsExtension(isCa, undefined, true),
    new KeyUsagesExtension(uses, true),
    ...(hosts === undefined ? [] : [new SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns' as const, value })))]),
  ]
}
