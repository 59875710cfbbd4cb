import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { basicConstraints, buildCertificate } from '../apple/certificate-builder.ts'
import { child, readDer } from './der-reader.ts'

/** Certificates that root put into the System keychain: `system-keychain/`, one a file, DER. */
export function readSystemKeychain(directory: string): X509Certificate[] {
  const folder = join(directory, 'system-keychain')
  return fileNames(folder).map((name) => new X509Certificate(readFileSync(join(folder, name))))
}

function fileNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.der'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** A certificate of the same name and another key: what a Mac that lies would report. */
export function withForeignKey(certificate: X509Certificate): X509Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const subject = child(child(readDer(new Uint8Array(certificate.raw)), 0), 5).der
  const der = buildCertificate({
    serialNumber: BigInt(`0x40${randomBytes(15).toString('hex')}`),
    issuer: subject,
    subject,
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    extensions: [basicConstraints(false)],
    signer: privateKey,
    hash: 'sha256',
  })
  return new X509Certificate(der)
}
