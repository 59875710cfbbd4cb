import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import forge from 'node-forge'
import { PushCertificateFault } from './certificate-fault.ts'

/** What a file holds, before anything about it is judged. */
export type KeyFile = { certificates: X509Certificate[]; keys: KeyObject[] }

/** A certificate, its key and a chain are about 10 KB. */
const MAX_FILE_BYTES = 256 * 1024
/** The first byte of any DER or BER SEQUENCE. */
const SEQUENCE = 0x30

/** Opens PEM (RFC 7468, text around the blocks allowed) or PKCS#12 (RFC 7292). Throws a PushCertificateFault. */
export function openKeyFile(bytes: Uint8Array, password: string | undefined): KeyFile {
  if (bytes.length > MAX_FILE_BYTES) throw new PushCertificateFault('not_a_key_file')
  const text = Buffer.from(bytes).toString('latin1')
  if (text.includes('-----BEGIN ')) return openPem(text, password)
  // identity.apple.com gives PEM; Keychain Access saves the certificate alone as DER (.cer).
  if (isCertificate(bytes)) return { certificates: [readCertificate(bytes)], keys: [] }
  if (bytes[0] === SEQUENCE) return openPkcs12(bytes, password ?? '')
  throw new PushCertificateFault('not_a_key_file')
}

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*(?:-[^-]+)*-----END \1-----/g

function openPem(text: string, password: string | undefined): KeyFile {
  const blocks = [...text.matchAll(PEM_BLOCK)]
  if (blocks.length !== text.match(/-----BEGIN /g)?.length) throw new PushCertificateFault('damaged')
  const file: KeyFile = { certificates: [], keys: [] }
  for (const [block, label = ''] of blocks) {
    if (label === 'CERTIFICATE') file.certificates.push(readCertificate(block))
    else if (label.endsWith('PRIVATE KEY')) file.keys.push(readPemKey(block, password))
    else throw new PushCertificateFault('unexpected_content')
  }
  return file
}

function readPemKey(pem: string, password: string | undefined): KeyObject {
  // "ENCRYPTED PRIVATE KEY" is PKCS#8 (RFC 5958); "Proc-Type: 4,ENCRYPTED" the traditional form (RFC 1421).
  const isEncrypted = pem.includes('ENCRYPTED')
  if (isEncrypted && roundsOfPem(pem) > MAX_NATIVE_ROUNDS) throw new PushCertificateFault('unsupported_encryption')
  try {
    return createPrivateKey({ key: pem, ...(isEncrypted ? { passphrase: password ?? '' } : {}) })
  } catch (cause) {
    if (!isEncrypted) throw new PushCertificateFault('damaged', { cause })
    const isUnsupported = String((cause as NodeJS.ErrnoException).code).includes('UNSUPPORTED')
    throw new PushCertificateFault(isUnsupported ? 'unsupported_encryption' : 'wrong_password', { cause })
  }
}

function readCertificate(encoded: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(encoded)
  } catch (cause) {
    throw new PushCertificateFault('damaged', { cause })
  }
}

/**
 * What node-forge reads: the legacy encryption (RC2-40 and 3DES, as macOS exports) and PBES2 with AES-CBC and PBKDF2 (OpenSSL 3).
 * Not PBMAC1, scrypt or other ciphers.
 */
function openPkcs12(bytes: Uint8Array, password: string): KeyFile {
  const bags = readBags(bytes, password)
  const { certBag, keyBag, pkcs8ShroudedKeyBag } = forge.pki.oids
  return {
    certificates: bags
      .filter(({ type }) => type === certBag)
      .map(({ cert, asn1 }) => readCertificate(toDer(cert ? certificateAsn1(cert) : asn1))),
    keys: bags.filter(({ type }) => type === keyBag || type === pkcs8ShroudedKeyBag).map(readKeyBag),
  }
}

function readBags(bytes: Uint8Array, password: string): forge.pkcs12.Bag[] {
  let pfx: forge.asn1.Asn1
  try {
    pfx = forge.asn1.fromDer(forge.util.createBuffer(Buffer.from(bytes).toString('latin1')), false)
  } catch (cause) {
    throw new PushCertificateFault('not_a_key_file', { cause })
  }
  if (mostRounds(pfx) > MAX_ROUNDS) throw new PushCertificateFault('unsupported_encryption')
  try {
    return forge.pkcs12.pkcs12FromAsn1(pfx, false, password).safeContents.flatMap(({ safeBags }) => safeBags)
  } catch (cause) {
    throw explain(cause)
  }
}

/**
 * A file says itself how often its password is hashed, and nothing else runs meanwhile: OpenSSL and macOS write 2,048, Java 10,000; a
 * million would be half a minute, and a damaged count can ask for a day.
 */
const MAX_ROUNDS = 100_000
/** OpenSSL hashes some thirty times as fast as node-forge. */
const MAX_NATIVE_ROUNDS = 2_000_000
const MAX_NESTING = 24

/** In the MAC and in every key derivation the count stands behind the salt: an INTEGER after an OCTET STRING. Strings may hold more ASN.1. */
function mostRounds(value: forge.asn1.Asn1, depth = 0): number {
  if (depth > MAX_NESTING) return Number.POSITIVE_INFINITY
  const children = Array.isArray(value.value) ? value.value : nested(value)
  return children.reduce((most, child, index) => {
    const isCount = isOf(child, forge.asn1.Type.INTEGER) && isOf(children[index - 1], forge.asn1.Type.OCTETSTRING)
    const rounds = isCount ? Number.parseInt(forge.util.bytesToHex(String(child.value)), 16) : 0
    return Math.max(most, rounds || 0, mostRounds(child, depth + 1))
  }, 0)
}

/** The traditional form names no count, and is no ASN.1. */
function roundsOfPem(pem: string): number {
  const body = pem.replace(/-----[A-Z ]+-----|\s/g, '')
  try {
    return mostRounds(forge.asn1.fromDer(Buffer.from(body, 'base64').toString('latin1')))
  } catch {
    return 0
  }
}

const isOf = (value: forge.asn1.Asn1 | undefined, type: forge.asn1.Type): boolean =>
  value?.tagClass === forge.asn1.Class.UNIVERSAL && value.type === type

function nested(value: forge.asn1.Asn1): forge.asn1.Asn1[] {
  if (!isOf(value, forge.asn1.Type.OCTETSTRING) || typeof value.value !== 'string') return []
  try {
    return [forge.asn1.fromDer(value.value, { strict: false, parseAllBytes: false } as unknown as boolean)]
  } catch {
    return []
  }
}

/** node-forge tells its failures apart by their words alone. */
function explain(cause: unknown): PushCertificateFault {
  const words = cause instanceof Error ? cause.message : ''
  if (/password|Failed to decrypt/i.test(words)) return new PushCertificateFault('wrong_password', { cause })
  if (/unsupported/i.test(words)) return new PushCertificateFault('unsupported_encryption', { cause })
  return new PushCertificateFault(/not an PKCS#12 PFX/.test(words) ? 'not_a_key_file' : 'damaged', { cause })
}

/** A bare certificate in DER (.cer) begins like PKCS#12. */
function isCertificate(bytes: Uint8Array): boolean {
  try {
    return new X509Certificate(bytes).raw.length > 0
  } catch {
    return false
  }
}

/** A key that is not RSA, and a certificate of such a key, come from node-forge as they are: undecoded ASN.1. */
function readKeyBag({ key, asn1 }: forge.pkcs12.Bag): KeyObject {
  try {
    return key
      ? createPrivateKey({ key: toDer(forge.pki.privateKeyToAsn1(key)), format: 'der', type: 'pkcs1' })
      : createPrivateKey({ key: toDer(asn1), format: 'der', type: 'pkcs8' })
  } catch (cause) {
    throw new PushCertificateFault('damaged', { cause })
  }
}

const certificateAsn1 = (certificate: forge.pki.Certificate): forge.asn1.Asn1 => forge.pki.certificateToAsn1(certificate)
const toDer = (asn1: forge.asn1.Asn1): Buffer => Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'latin1')
