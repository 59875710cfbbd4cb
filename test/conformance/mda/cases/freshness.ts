import { createHash } from 'node:crypto'
import { encode } from 'cborg'
import { octetString } from '../../../software-mac/apple/der-writer.ts'
import { type Draft, proven, refusedChain } from '../case.ts'
import { ascii, bytesFor, join, type Laboratory, pem, SERIAL, sha256, TOKEN } from '../laboratory.ts'

/**
 * One object identifier, two rules: a DeviceInformation attestation carries the nonce as it was sent, one over ACME SHA-256 of the token.
 * Neither is read by the other's rule, and the octets are compared as they are: a nonce may look like DER.
 */
export function freshnessCases(lab: Laboratory): Draft[] {
  const { nonce } = lab
  const nonceArgs = ['--nonce', Buffer.from(nonce).toString('hex')]
  const carrying = (value: Uint8Array) => lab.chain(lab.value('freshness', value))
  const mismatch = (title: string, value: Uint8Array, args: string[]) => refusedChain(title, 'FRESHNESS_MISMATCH', carrying(value), ...args)
  const tokenArgs = ['--token', TOKEN]
  const token = ascii(TOKEN)
  const flipped = nonce.map((byte, index) => (index === 31 ? byte ^ 1 : byte))
  return [
    mismatch('SHA-256 of the nonce', sha256(nonce), nonceArgs),
    mismatch('the nonce as an OCTET STRING', octetString(nonce), nonceArgs),
    mismatch('the nonce cut short', nonce.subarray(0, 31), nonceArgs),
    mismatch('the nonce and a byte more', join(nonce, Uint8Array.of(0)), nonceArgs),
    mismatch('the nonce with its last bit flipped', flipped, nonceArgs),
    mismatch('the nonce backwards', Uint8Array.from(nonce).reverse(), nonceArgs),
    mismatch('the nonce in hexadecimal', ascii(Buffer.from(nonce).toString('hex')), nonceArgs),
    mismatch('the nonce in base64', ascii(Buffer.from(nonce).toString('base64')), nonceArgs),
    mismatch('32 zeros', new Uint8Array(32), nonceArgs),
    mismatch('one byte', Uint8Array.of(nonce[0] ?? 0), nonceArgs),
    mismatch('the token itself', token, tokenArgs),
    mismatch('the token’s decoded bytes', new Uint8Array(Buffer.from(TOKEN, 'base64url')), tokenArgs),
    mismatch('SHA-256 of the token’s decoded bytes', sha256(new Uint8Array(Buffer.from(TOKEN, 'base64url'))), tokenArgs),
    mismatch(
      'SHA-256 of the key authorization',
      sha256(ascii(`${TOKEN}.${Buffer.from(bytesFor(lab.seed, 'thumbprint', 32)).toString('base64url')}`)),
      tokenArgs,
    ),
    mismatch('SHA-256 of SHA-256 of the token', sha256(sha256(token)), tokenArgs),
    mismatch('SHA-1 of the token', new Uint8Array(createHash('sha1').update(token).digest()), tokenArgs),
    mismatch('SHA-384 of the token', new Uint8Array(createHash('sha384').update(token).digest()), tokenArgs),
    mismatch('SHA-256 of the token and a line end', sha256(ascii(`${TOKEN}\n`)), tokenArgs),
    mismatch('SHA-256 of the token in hexadecimal', ascii(Buffer.from(sha256(token)).toString('hex')), tokenArgs),
    mismatch('the nonce where the token’s SHA-256 belongs', nonce, tokenArgs),
    mismatch('the token’s SHA-256 where the nonce belongs', sha256(token), nonceArgs),
    mismatch('the nonce, where both are asked for', nonce, [...nonceArgs, ...tokenArgs]),
    refusedChain('no code, where one is asked for', 'FRESHNESS_MISSING', lab.chain(lab.replaced('freshness')), ...nonceArgs),
    refusedChain('a code of 65 bytes', 'FRESHNESS_MISSING', carrying(new Uint8Array(65).fill(7)), ...nonceArgs),
    refusedChain('another serial number than asked for', 'SERIAL_MISMATCH', lab.chain(), '--serial', 'OTHER00001'),
    refusedChain('the serial number asked for in small letters', 'SERIAL_MISMATCH', lab.chain(), '--serial', SERIAL.toLowerCase()),
    refusedChain('the UDID asked for as the serial number', 'SERIAL_MISMATCH', lab.chain(), '--serial', '00006030-0001020304050607'),
    ...derLooking(lab),
  ]
}

/** Raw nonces that a reader which tries DER first would cut: all of them are right as they are, and wrong as what they seem to hold. */
function derLooking(lab: Laboratory): Draft[] {
  const looks: [string, Uint8Array][] = [
    ['an OCTET STRING', join(Uint8Array.of(0x04, 30), bytesFor(lab.seed, 'inner', 30))],
    ['an INTEGER', join(Uint8Array.of(0x02, 30), bytesFor(lab.seed, 'inner', 30))],
    ['a SEQUENCE', join(Uint8Array.of(0x30, 30), bytesFor(lab.seed, 'inner', 30))],
    ['a short OCTET STRING and more', join(Uint8Array.of(0x04, 2), bytesFor(lab.seed, 'inner', 30))],
    ['a UTF8String', join(Uint8Array.of(0x0c, 30), ascii('A'.repeat(30)))],
    ['a value of indefinite length', join(Uint8Array.of(0x24, 0x80), bytesFor(lab.seed, 'inner', 30))],
  ]
  return looks.flatMap(([what, nonce]) => {
    const chain = lab.chain(lab.value('freshness', nonce))
    const inner = nonce.subarray(2, 2 + Math.min(nonce[1] ?? 0, 30))
    const asked = (value: Uint8Array) => ['--nonce', Buffer.from(value).toString('hex')]
    return [
      proven(`a nonce that looks like ${what}`, pem(chain), ...asked(nonce)),
      refusedChain(`what a nonce that looks like ${what} seems to hold`, 'FRESHNESS_MISMATCH', chain, ...asked(inner)),
    ]
  })
}

/** Everything in order: a tool that refuses these refuses real Macs. */
export function soundCases(lab: Laboratory): Draft[] {
  const chain = lab.chain()
  const overAcme = lab.chain(lab.value('freshness', sha256(ascii(TOKEN))))
  const object = encode({ fmt: 'apple', attStmt: { x5c: overAcme } })
  return [
    proven('a PEM chain', pem(chain)),
    proven('a PEM chain with the root', pem([...chain, lab.root()])),
    proven(
      'with the nonce and the serial number asked for',
      pem(chain),
      '--nonce',
      Buffer.from(lab.nonce).toString('hex'),
      '--serial',
      SERIAL,
    ),
    proven('an attestation object', object, '--token', TOKEN),
    proven('an attestation object in base64url', ascii(Buffer.from(object).toString('base64url')), '--token', TOKEN),
    proven('an attestation object in JSON', ascii(JSON.stringify({ attObj: Buffer.from(object).toString('base64url') })), '--token', TOKEN),
    proven('an attestation object with authData', encode({ fmt: 'apple', attStmt: { x5c: overAcme }, authData: new Uint8Array(37) })),
    proven('extensions in another order', pem(lab.chain({ extensions: lab.leafExtensions().reverse() }))),
    proven(
      'an extension that nobody knows, not critical',
      pem(lab.chain({ extensions: [...lab.leafExtensions(), { oid: '1.2.3.4', value: Uint8Array.of(5, 0) }] })),
    ),
    proven('no extended key usage', pem(lab.chain(lab.replaced('extendedKeyUsage')))),
    proven('the oldest macOS that counts', pem(lab.chain(lab.value('osVersion', ascii('14.2'))))),
    proven('macOS 14.10, which is newer than 14.2', pem(lab.chain(lab.value('osVersion', ascii('14.10'))))),
    proven('a serial number that begins with 0, which is the tag of a SEQUENCE', pem(lab.chain(lab.value('serial', ascii('00HXK2Q9AB'))))),
    proven('judged in the leaf’s first second', pem(chain), '--at', '2026-11-21T11:00:00Z'),
  ]
}
