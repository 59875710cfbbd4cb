import { type Draft, malformed, proven, refused } from '../case.ts'
import { ascii, join, type Laboratory, pem, utf8 } from '../laboratory.ts'

/** What is handed over in place of an attestation. */
export function fileCases(lab: Laboratory): Draft[] {
  const chain = lab.chain()
  const good = Buffer.from(pem(chain)).toString('latin1')
  return [
    malformed('an empty file', new Uint8Array(), 'empty_input'),
    malformed('a line end', ascii('\n'), 'unknown_input'),
    malformed('words', ascii('attestation'), 'unknown_input'),
    malformed('zeros', new Uint8Array(64), 'unknown_input'),
    malformed('more than a megabyte', new Uint8Array(1024 * 1024 + 1).fill(0x41), 'input_too_large'),
    malformed('PEM of a private key', pem([lab.leafKey.spki], 'PRIVATE KEY')),
    malformed('PEM of a public key', pem([lab.leafKey.spki], 'PUBLIC KEY')),
    malformed('PEM under another label', pem(chain, 'X509 CERTIFICATE')),
    malformed('PEM under OpenSSL’s trusted label', pem(chain, 'TRUSTED CERTIFICATE')),
    malformed('PEM without content', ascii('-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n')),
    malformed('PEM with a stray letter', ascii(good.replace('\nMI', '\n*MI'))),
    malformed('PEM whose base64 lacks its last letter', ascii(good.replace(/.\n-----END/, '\n-----END'))),
    malformed('PEM whose last block is not closed', ascii(good.trimEnd().replace(/-----END CERTIFICATE-----$/, ''))),
    malformed('PEM whose labels differ', ascii(good.replace('-----END CERTIFICATE-----', '-----END CERTIFICATES-----'))),
    malformed('PEM of a chain and a key', join(pem(chain), pem([lab.leafKey.spki], 'PUBLIC KEY'))),
    malformed(
      'PEM with headers, as of an encrypted key',
      ascii(good.replace('-----BEGIN CERTIFICATE-----', '-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n')),
    ),
    refused('the leaf in DER', 'CHAIN_INCOMPLETE', lab.leaf()),
    malformed('the leaf in DER and the intermediate after it', join(...chain), 'malformed_certificate'),
    malformed('one PEM block with both certificates', pem([join(...chain)]), 'malformed_certificate'),
    proven('PEM with words around it', utf8(`subject=…\n${good}\nend\n`)),
    proven('PEM with the line ends of Windows', ascii(good.replaceAll('\n', '\r\n'))),
  ]
}
