import { createHash, type KeyObject, type X509Certificate } from 'node:crypto'
import { topicOf } from '../../mdm/push/topic.ts'
import { PushCertificateFault } from './certificate-fault.ts'
import { openKeyFile } from './certificate-file.ts'

/** An MDM push certificate that may be installed: judged fit at a moment, with its key. */
export type PushCertificate = {
  /** `com.apple.mgmt.External.…` */
  topic: string
  notBefore: Date
  notAfter: Date
  /** Of the certificate, in hexadecimal. */
  sha256: string
  /** DER */
  certificate: Uint8Array
  /** DER; secret */
  pkcs8: Uint8Array
}

export type ReadOptions = { now: Date; password?: string | undefined; requestKey?: KeyObject | undefined; strictIssuer?: boolean }

const MIN_RSA_BITS = 2048

/**
 * Reads and judges Apple's MDM push certificate from PEM or PKCS#12: one certificate that is named for a topic, the RSA key that
 * belongs to it, valid now. Certificates of its issuers beside it are left out. Throws a PushCertificateFault.
 *
 * A file without a key is joined with `requestKey`, the key of the request that is under way.
 *
 * Who issued it is judged with `strictIssuer` alone, and by name: it spares an administrator a mistake. What Apple did not issue
 * reaches no Mac in any case, since Apple's push service refuses it.
 */
export function readPushCertificate(bytes: Uint8Array, options: ReadOptions): PushCertificate {
  const { certificates, keys } = openKeyFile(bytes, options.password)
  if (certificates.length === 0) throw new PushCertificateFault('certificate_missing')
  const certificate = choosePushCertificate(certificates)
  const described = describePushCertificate(certificate)
  if (options.strictIssuer === true) checkIssuer(certificate)
  const key = chooseKey(certificate, keys, options.requestKey)
  checkKey(certificate, key)
  checkValidity(described, options.now)
  return {
    ...described,
    certificate: new Uint8Array(certificate.raw),
    pkcs8: new Uint8Array(key.export({ format: 'der', type: 'pkcs8' })),
  }
}

/** What a push certificate says of itself. Throws for one without a topic. */
export function describePushCertificate(
  certificate: X509Certificate,
): Pick<PushCertificate, 'topic' | 'notBefore' | 'notAfter' | 'sha256'> {
  const topic = topicOf(certificate.raw)
  if (topic === undefined) throw new PushCertificateFault('no_topic')
  const { validFromDate: notBefore, validToDate: notAfter } = certificate
  return { topic, notBefore, notAfter, sha256: createHash('sha256').update(certificate.raw).digest('hex') }
}

function choosePushCertificate(certificates: X509Certificate[]): X509Certificate {
  const [chosen, ...others] = certificates.filter((candidate) => !candidate.ca && topicOf(candidate.raw) !== undefined)
  if (chosen === undefined) throw new PushCertificateFault('no_topic')
  if (others.length > 0) throw new PushCertificateFault('several_topics')
  return chosen
}

function chooseKey(certificate: X509Certificate, keys: KeyObject[], requestKey: KeyObject | undefined): KeyObject {
  const [key, ...others] = keys
  if (others.length > 0) throw new PushCertificateFault('several_private_keys')
  if (key !== undefined) return key
  if (requestKey === undefined) throw new PushCertificateFault('private_key_missing')
  if (!certificate.checkPrivateKey(requestKey)) throw new PushCertificateFault('not_for_request')
  return requestKey
}

/** Apple’s push certificates name an authority of “Apple Inc.” as their issuer (CN “Apple Application Integration 2 Certification Authority”). */
function checkIssuer(certificate: X509Certificate): void {
  const { O: organization } = (certificate.toLegacyObject().issuer ?? {}) as { O?: string }
  if (organization !== 'Apple Inc.') throw new PushCertificateFault('issuer_not_apple')
}

function checkKey(certificate: X509Certificate, key: KeyObject): void {
  if (key.asymmetricKeyType !== 'rsa') throw new PushCertificateFault('key_not_rsa')
  if (!certificate.checkPrivateKey(key)) throw new PushCertificateFault('key_mismatch')
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) throw new PushCertificateFault('key_too_short')
}

function checkValidity({ notBefore, notAfter }: { notBefore: Date; notAfter: Date }, now: Date): void {
  if (now < notBefore)
    throw new PushCertificateFault('not_yet_valid', {
      text: `The certificate is valid from ${iso(notBefore)} only. Is the clock of this machine right?`,
    })
  if (now >= notAfter) {
    const text = `The certificate expired on ${iso(notAfter)}. Renew it at identity.apple.com with the same Apple account.`
    throw new PushCertificateFault('expired', { text })
  }
}

const iso = (at: Date): string => at.toISOString().replace(/\.\d+/, '')
