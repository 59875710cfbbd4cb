import { X509Certificate } from 'node:crypto'
import { explicit, integer, objectIdentifier, octetString, sequence, set, time, tlv } from '../apple/der-writer.ts'
import { child, readDer } from './der-reader.ts'
import { type EnclaveKey, sha256 } from './secure-enclave.ts'

const SIGNED_DATA = '1.2.840.113549.1.7.2'
const DATA = '1.2.840.113549.1.7.1'
const CONTENT_TYPE = '1.2.840.113549.1.9.3'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
const SIGNING_TIME = '1.2.840.113549.1.9.5'
const SHA256 = '2.16.840.1.101.3.4.2.1'
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2'

/**
 * The Mdm-Signature: detached CMS SignedData (RFC 5652 §5) over the exact body, the identity's certificate inside, one signer,
 * signed attributes. Apple: "SignMessage".
 */
export function signDetached(options: { body: Uint8Array; key: EnclaveKey; certificate: Uint8Array; at: Date }): Uint8Array {
  const { body, key, certificate } = options
  const attributes = [
    attribute(CONTENT_TYPE, objectIdentifier(DATA)),
    attribute(SIGNING_TIME, time(options.at)),
    attribute(MESSAGE_DIGEST, octetString(sha256(body))),
  ].sort(Buffer.compare) // DER: a SET OF is sorted
  const signature = key.signDer('sha256', set(...attributes))
  const signer = sequence(
    integer(1),
    issuerAndSerial(certificate),
    sequence(objectIdentifier(SHA256)),
    tlv(0xa0, ...attributes),
    sequence(objectIdentifier(ECDSA_WITH_SHA256)),
    octetString(signature),
  )
  const signedData = sequence(
    integer(1),
    set(sequence(objectIdentifier(SHA256))),
    sequence(objectIdentifier(DATA)),
    tlv(0xa0, certificate),
    set(signer),
  )
  return sequence(objectIdentifier(SIGNED_DATA), explicit(0, signedData))
}

const attribute = (oid: string, value: Uint8Array) => sequence(objectIdentifier(oid), set(value))

/** TBSCertificate: [0] version, serialNumber, signature, issuer, … */
function issuerAndSerial(certificate: Uint8Array): Uint8Array {
  const tbs = child(readDer(new X509Certificate(certificate).raw), 0)
  return sequence(child(tbs, 3).der, child(tbs, 1).der)
}
