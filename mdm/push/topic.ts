import 'reflect-metadata'
import { X509Certificate } from '@peculiar/x509'

/** 0.9.2342.19200300.100.1.1, userId (RFC 4519 §2.39) */
const UID = '0.9.2342.19200300.100.1.1'
const PREFIX = 'com.apple.mgmt.'

/** The push topic of an MDM push certificate (PEM or DER): the UID of its subject. Undefined: this is no MDM push certificate. */
export function topicOf(certificate: string | Uint8Array): string | undefined {
  try {
    const parsed = new X509Certificate(typeof certificate === 'string' ? certificate : new Uint8Array(certificate))
    const [topic, ...others] = [...parsed.subjectName.getField(UID), ...parsed.subjectName.getField('UID')]
    return topic?.startsWith(PREFIX) && others.every((other) => other === topic) ? topic : undefined
  } catch {
    return undefined
  }
}
