import 'reflect-metadata'
import { type KeyObject, X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { KeyUsageFlags, KeyUsagesExtension, X509Certificate as ParsedCertificate } from '@peculiar/x509'
import { AppError } from '../errors.ts'
import { PushCertificateFault, type PushCertificateFaultCode } from '../push/certificate-fault.ts'
import { openKeyFile } from '../push/certificate-file.ts'

/** A certificate with its private key, read from what an administrator chose; what else stands in the file is its chain, in order. */
export type SignerFile = { certificate: X509Certificate; chain: X509Certificate[]; key: KeyObject }

/** Faults of the file that push certificates have as well, in this file's words. */
const SENTENCES: Partial<Record<PushCertificateFaultCode, string>> = {
  not_a_key_file: 'This is neither PKCS#12 nor PEM. Export the certificate with its private key, as .p12.',
  damaged: 'The certificate or the private key in this file cannot be read.',
  unexpected_content: 'The file holds something other than certificates and private keys.',
}

/** Throws AppError with what is wrong and what to do. */
export function readSignerFile(file: Uint8Array, options: { password: string | undefined; now: Date }): SignerFile {
  const { certificates, keys } = open(file, options.password)
  const [key, ...otherKeys] = keys
  if (key === undefined) throw wrong('The file holds no private key. Export the certificate together with its key, as .p12.')
  if (otherKeys.length > 0) throw wrong('The file holds more than one private key. Leave only that of the signing certificate.')
  const certificate = certificates.find((each) => each.checkPrivateKey(key))
  if (certificate === undefined) throw wrong('No certificate in this file belongs to its private key.')
  judge(certificate, key, options.now)
  return { certificate, chain: chainOf(certificate, certificates), key }
}

function open(file: Uint8Array, password: string | undefined) {
  try {
    return openKeyFile(file, password)
  } catch (error) {
    if (!(error instanceof PushCertificateFault)) throw error
    throw new AppError('invalid_request', {
      public: SENTENCES[error.code] ?? error.message.replaceAll('push.pem', 'signer.pem'),
      cause: error,
    })
  }
}

function judge(certificate: X509Certificate, key: KeyObject, now: Date): void {
  if (certificate.ca) throw wrong('This is the certificate of an authority. Its key should sign no profiles: issue one for that purpose.')
  if (now >= new Date(certificate.validTo)) throw wrong(`This certificate expired on ${certificate.validTo}. Choose one that is in force.`)
  if (now < new Date(certificate.validFrom)) throw wrong(`This certificate is not valid before ${certificate.validFrom}.`)
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  const isRsa = type === 'rsa' && (details?.modulusLength ?? 0) >= 2048
  const isEc = type === 'ec' && ['prime256v1', 'secp384r1'].includes(details?.namedCurve ?? '')
  if (!isRsa && !isEc) throw wrong('The key is of a kind that is not used here: RSA of 2048 bits or more, P-256 or P-384.')
  if (!maySign(certificate)) throw wrong('The key usage of this certificate does not allow digital signatures.')
}

/** Issuers in order, without the root: whoever verifies has that, or does not believe it anyway. */
function chainOf(leaf: X509Certificate, all: readonly X509Certificate[]): X509Certificate[] {
  const chain: X509Certificate[] = []
  for (let at = leaf; chain.length < 5; ) {
    const issuer = all.find((each) => each !== at && !chain.includes(each) && isIssuedBy(at, each))
    if (issuer === undefined || isIssuedBy(issuer, issuer)) break
    chain.push(issuer)
    at = issuer
  }
  return chain
}

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)

let parsedRoots: X509Certificate[] | undefined

/** Parsed at first use: there are 150 of them. */
function publicRoots(): X509Certificate[] {
  parsedRoots ??= rootCertificates.map((pem) => new X509Certificate(pem))
  return parsedRoots
}

/** Whether a Mac shows a profile as verified: the chain ends at an authority that everybody, or the company's own Macs, trust. */
export function whoVerifies(
  signer: { certificate: X509Certificate; chain: readonly X509Certificate[] },
  company: readonly Uint8Array[],
  trusted: readonly X509Certificate[] = publicRoots(),
): 'everybody' | 'company' | 'nobody' {
  const last = signer.chain.at(-1) ?? signer.certificate
  if (trusted.some((root) => isIssuedBy(last, root))) return 'everybody'
  return company.some((der) => isIssuedBy(last, new X509Certificate(der))) ? 'company' : 'nobody'
}

const wrong = (public_: string): AppError => new AppError('invalid_request', { public: public_, param: 'file' })

/** RFC 5280 §4.2.1.3: absent, every use is allowed. */
function maySign(certificate: X509Certificate): boolean {
  const usage = new ParsedCertificate(certificate.raw).getExtension(KeyUsagesExtension)
  return usage === null || (usage.usages & KeyUsageFlags.digitalSignature) !== 0
}
