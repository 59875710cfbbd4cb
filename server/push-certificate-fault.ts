/**
 * Why a push certificate is not taken. `malformed`: the file is not what it should be; `refused`: it was read, and judged unfit.
 * The codes are stable; the sentences say what to do next.
 */
const CATALOGUE = {
  not_a_key_file: {
    kind: 'malformed',
    text: 'This is neither PEM nor PKCS#12. Give the push certificate and its private key in one file.',
  },
  damaged: { kind: 'malformed', text: 'The certificate or the private key in this file cannot be read.' },
  unexpected_content: { kind: 'malformed', text: 'The file holds something other than certificates and private keys.' },
  certificate_missing: { kind: 'malformed', text: 'The file holds no certificate. Append the one that identity.apple.com gave.' },
  private_key_missing: {
    kind: 'malformed',
    text: 'The file holds no private key. identity.apple.com gives the certificate alone: append the private key that its request was made with (cat certificate.pem key.pem > push.pem).',
  },
  several_private_keys: { kind: 'malformed', text: 'The file holds more than one private key. Leave only the push certificate’s.' },
  wrong_password: {
    kind: 'malformed',
    text: 'The password does not open this file, or it needs one and none was given. A password with letters outside ASCII can fail as well: turn the file into PEM with “openssl pkcs12 -in FILE -out push.pem” and import that.',
  },
  unsupported_encryption: {
    kind: 'malformed',
    text: 'The file is encrypted in a way that is not read here. Export it again with “openssl pkcs12 -export -legacy”, or turn it into PEM with “openssl pkcs12 -in FILE -out push.pem” and import that.',
  },
  no_topic: {
    kind: 'refused',
    text: 'No certificate in this file is an MDM push certificate: none is named for a topic com.apple.mgmt.… . A vendor’s or an app’s certificate does not do; take the one from identity.apple.com.',
  },
  several_topics: { kind: 'refused', text: 'The file holds more than one push certificate. Leave the one to install.' },
  key_mismatch: {
    kind: 'refused',
    text: 'The private key is not that of the push certificate. Use the key that its request was made with.',
  },
  key_not_rsa: { kind: 'refused', text: 'The key is not RSA; Apple’s push certificates are.' },
  key_too_short: { kind: 'refused', text: 'The RSA key has fewer than 2048 bits.' },
  not_yet_valid: { kind: 'refused', text: 'The certificate is not valid yet. Is the clock of this machine right?' },
  expired: { kind: 'refused', text: 'The certificate has expired. Renew it at identity.apple.com with the same Apple account.' },
  other_topic: { kind: 'refused', text: 'Enrolled Macs answer to the topic of another push certificate.' },
} as const satisfies Record<string, { kind: 'malformed' | 'refused'; text: string }>

export type PushCertificateFaultCode = keyof typeof CATALOGUE

export class PushCertificateFault extends Error {
  override readonly name = 'PushCertificateFault'
  readonly code: PushCertificateFaultCode
  readonly kind: 'malformed' | 'refused'

  constructor(code: PushCertificateFaultCode, options: { text?: string; cause?: unknown } = {}) {
    super(options.text ?? CATALOGUE[code].text, { cause: options.cause })
    this.code = code
    this.kind = CATALOGUE[code].kind
  }
}
