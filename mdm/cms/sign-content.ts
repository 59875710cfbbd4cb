import { createHash } from 'node:crypto'
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
import type { ProfileSigner } from '../ports.ts'

const ID_DATA = '1.2.840.113549.1.7.1'
const ID_SIGNED_DATA = '1.2.840.113549.1.7.2'
const ID_CONTENT_TYPE = '1.2.840.113549.1.9.3'
const ID_MESSAGE_DIGEST = '1.2.840.113549.1.9.4'

/**
 * CMS SignedData (DER) around `content`, SHA-256, with the signer's certificate and its chain inside: what System Settings shows as
 * "Verified" where the chain ends at a root that the Mac trusts, as "Unverified" otherwise.
 */
export async function signContent(content: Uint8Array, signer: ProfileSigner): Promise<Uint8Array> {
  const certificate = readCertificate(signer.certificate)
  const digest = createHash('sha256').update(content).digest()
  const signed = new SignedData({
    version: 1,
    encapContentInfo: new EncapsulatedContentInfo({ eContentType: ID_DATA }),
    signerInfos: [
      new SignerInfo({
        version: 1,
        sid: new IssuerAndSerialNumber({ issuer: certificate.issuer, serialNumber: certificate.serialNumber }),
        signedAttrs: new SignedAndUnsignedAttributes({ type: 0, attributes: attributes(new Uint8Array(digest)) }),
      }),
    ],
    certificates: [certificate, ...(signer.chain ?? []).map(readCertificate)],
  })
  // Set after construction: the constructor would split it into an indefinite-length (BER) octet string.
  signed.encapContentInfo.eContent = new OctetString({ valueHex: new Uint8Array(content) })
  await signed.sign(signer.privateKey, 0, 'SHA-256')
  const info = new ContentInfo({ contentType: ID_SIGNED_DATA, content: signed.toSchema(true) })
  return new Uint8Array(info.toSchema().toBER())
}

const readCertificate = (der: Uint8Array): Certificate => new Certificate({ schema: fromBER(new Uint8Array(der)).result })

function attributes(digest: Uint8Array<ArrayBuffer>): Attribute[] {
  return [
    new Attribute({ type: ID_CONTENT_TYPE, values: [new ObjectIdentifier({ value: ID_DATA })] }),
    new Attribute({ type: ID_MESSAGE_DIGEST, values: [new OctetString({ valueHex: digest })] }),
  ]
}
