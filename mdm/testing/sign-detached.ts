import { createHash, type webcrypto } from 'node:crypto'
import { fromBER, ObjectIdentifier, OctetString } from 'asn1js'
import {
  Attribute,
  Certificate,
  ContentInfo,
  EncapsulatedContentInfo,
  IssuerAndSerialNumber,
  SignedAndUnsignedAttributes,
  SignedData,
  SignerInfo,
} from 'pkijs'

/** A detached CMS signature (DER), as a Mac makes it for Mdm-Signature. */
export async function signDetached(
  content: Uint8Array,
  signer: { certificate: Uint8Array; privateKey: webcrypto.CryptoKey },
): Promise<Uint8Array> {
  const certificate = new Certificate({ schema: fromBER(new Uint8Array(signer.certificate)).result })
  const digest = new Uint8Array(createHash('sha256').update(content).digest())
  const attributes = [
    new Attribute({ type: '1.2.840.113549.1.9.3', values: [new ObjectIdentifier({ value: '1.2.840.113549.1.7.1' })] }),
    new Attribute({ type: '1.2.840.113549.1.9.4', values: [new OctetString({ valueHex: digest })] }),
  ]
  const signed = new SignedData({
    version: 1,
    encapContentInfo: new EncapsulatedContentInfo({ eContentType: '1.2.840.113549.1.7.1' }),
    signerInfos: [
      new SignerInfo({
        version: 1,
        sid: new IssuerAndSerialNumber({ issuer: certificate.issuer, serialNumber: certificate.serialNumber }),
        signedAttrs: new SignedAndUnsignedAttributes({ type: 0, attributes }),
      }),
    ],
    certificates: [certificate],
  })
  await signed.sign(signer.privateKey, 0, 'SHA-256', new Uint8Array(content))
  return new Uint8Array(new ContentInfo({ contentType: '1.2.840.113549.1.7.2', content: signed.toSchema(true) }).toSchema().toBER())
}
