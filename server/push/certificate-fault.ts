/**
 * Why a push certificate, or a step on the way to one, is not taken. `malformed`: the file is not what it should be; `refused`: it was read, and judged unfit.
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
  wrong_confirmation: { kind: 'refused', text: 'The confirmation does not name the number of Macs that are lost now.' },
  issuer_not_apple: {
    kind: 'refused',
    text: 'Apple did not issue this certificate: its issuer is not of Apple Inc. Take the one from identity.apple.com.',
  },
  request_pending: {
    kind: 'refused',
    text: 'A request is under way already. Finish it, or discard it: Apple’s certificate for it could then never be used.',
  },
  no_request: { kind: 'refused', text: 'No request is under way. Make one first.' },
  not_for_request: {
    kind: 'refused',
    text: 'This certificate was not issued for the request that is under way here. Upload the signed request of this appliance at identity.apple.com, or import a file that holds the private key as well.',
  },
  bad_name: { kind: 'malformed', text: 'Give the organisation’s name (at most 64 characters) and the email address of the Apple account.' },
  vendor_chain_incomplete: {
    kind: 'refused',
    text: 'The chain of the MDM vendor certificate does not end at its root. Put Apple’s Worldwide Developer Relations intermediate and Apple’s root certificate into the same file; both are at www.apple.com/certificateauthority.',
  },
  vendor_is_push_certificate: {
    kind: 'refused',
    text: 'This is a push certificate, not an MDM vendor certificate. The vendor’s (“MDM CSR”) comes from the Apple Developer account.',
  },
  vendor_expired: { kind: 'refused', text: 'The MDM vendor certificate is not valid now. Renew it in the Apple Developer account.' },
  signed_request_malformed: {
    kind: 'malformed',
    text: 'This is not a signed request: a property list with PushCertRequestCSR, PushCertCertificateChain and PushCertSignature, in base64.',
  },
  signed_request_other_csr: {
    kind: 'refused',
    text: 'This signed request is for another certificate request than the one under way here. Send the vendor the request that is shown here.',
  },
  signed_request_bad_signature: {
    kind: 'refused',
    text: 'The vendor’s signature over the request does not hold under the first certificate of its chain. Apple would refuse it; ask the vendor to sign again.',
  },
  mail_malformed: { kind: 'malformed', text: 'This is not the encrypted file that mdmcert.download mails (its name ends in .p7).' },
  mail_not_for_us: {
    kind: 'refused',
    text: 'This file was encrypted for another request. Use the attachment of the newest mail, or send the request again.',
  },
  mdmcert_refused: { kind: 'refused', text: 'mdmcert.download did not take the request.' },
  mdmcert_unreachable: { kind: 'refused', text: 'mdmcert.download could not be reached. Nothing was changed; try again.' },
} as const satisfies Record<string, { kind: 'malformed' | 'refused'; text: string }>

export type PushCertificateFaultCode = keyof typeof CATALOGUE

export class PushCertificateFault extends Error {
  override readonly name = 'PushCertificateFault'
  readonly code: PushCertificateFaultCode
  readonly kind: 'malformed' | 'refused'
  /** `other_topic`, `wrong_confirmation`: how many Macs would be lost. */
  readonly macsLost: number | undefined

  constructor(code: PushCertificateFaultCode, options: { text?: string; cause?: unknown; macsLost?: number } = {}) {
    super(options.text ?? CATALOGUE[code].text, { cause: options.cause })
    this.code = code
    this.kind = CATALOGUE[code].kind
    this.macsLost = options.macsLost
  }
}
