/** PEM certificates (RFC 7468), text around them allowed. */

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]*)-----END \1-----/g

/** The DER of every certificate in order; undefined for none at all, for broken base64, and where anything but certificates stands. */
export function decodePemCertificates(text: string): Uint8Array[] | undefined {
  const blocks = [...text.matchAll(BLOCK)]
  const begun = text.match(/-----BEGIN /g)?.length ?? 0
  if (blocks.length === 0 || blocks.length !== begun) return undefined
  const certificates = blocks.map(([, label, body = '']) => (label === 'CERTIFICATE' ? decodeBase64(body.replace(/\s/g, '')) : undefined))
  return certificates.every((der) => der !== undefined) ? certificates : undefined
}

function decodeBase64(body: string): Uint8Array | undefined {
  const bytes = Buffer.from(body, 'base64')
  return bytes.length > 0 && bytes.toString('base64') === body ? new Uint8Array(bytes) : undefined
}
