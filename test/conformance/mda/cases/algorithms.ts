import { p384 } from '@noble/curves/nist.js'
import { bitString, integer, objectIdentifier, octetString, sequence, tlv } from '../../../software-mac/apple/der-writer.ts'
import { type Draft, refusedChain } from '../case.ts'
import { algorithm, bytesFor, type Change, ecdsaWith, join, type Laboratory, SERIAL } from '../laboratory.ts'

/** Keys and signatures of every kind but ECDSA on P-256 and P-384 with SHA-256 and SHA-384, in their one encoding. */
export const algorithmCases = (lab: Laboratory): Draft[] => [...keyCases(lab), ...signatureAlgorithmCases(lab), ...signatureCases(lab)]

const EC = objectIdentifier('1.2.840.10045.2.1')
const P384 = objectIdentifier('1.3.132.0.34')
const ec = (curve: Uint8Array, point: Uint8Array) => sequence(sequence(EC, curve), bitString(point))
/** 65,537 and a number of the length of a modulus: the verifier never gets as far as the arithmetic. */
const rsa = (seed: string) => {
  const modulus = bytesFor(seed, 'rsa modulus', 256)
  modulus[0] = 0xc1
  const key = sequence(tlv(2, Uint8Array.of(0), modulus), integer(65_537))
  return sequence(sequence(objectIdentifier('1.2.840.113549.1.1.1'), Uint8Array.of(5, 0)), bitString(key))
}

function keyCases(lab: Laboratory): Draft[] {
  const { point } = lab.leafKey
  const compressed = join(Uint8Array.of(2 + ((point.at(-1) ?? 0) & 1)), point.subarray(1, 49))
  const off = Uint8Array.from(point)
  off[96] = (off[96] ?? 0) ^ 1
  const hybrid = join(Uint8Array.of(6 + ((point.at(-1) ?? 0) & 1)), point.subarray(1))
  const explicitCurve = sequence(
    integer(1),
    sequence(objectIdentifier('1.2.840.10045.1.1'), integer(p384.Point.Fp.ORDER)),
    sequence(octetString(Uint8Array.of(0)), octetString(Uint8Array.of(7))),
  )
  const keys: [string, Uint8Array][] = [
    ['an RSA key', rsa(lab.seed)],
    ['a key on P-521', ec(objectIdentifier('1.3.132.0.35'), join(Uint8Array.of(4), bytesFor(lab.seed, 'p521', 132)))],
    ['a key on P-224', ec(objectIdentifier('1.3.132.0.33'), join(Uint8Array.of(4), bytesFor(lab.seed, 'p224', 56)))],
    ['a key on secp256k1', ec(objectIdentifier('1.3.132.0.10'), join(Uint8Array.of(4), bytesFor(lab.seed, 'k1', 64)))],
    ['an Ed25519 key', sequence(sequence(objectIdentifier('1.3.101.112')), bitString(bytesFor(lab.seed, 'ed', 32)))],
    ['a compressed point', ec(P384, compressed)],
    ['a hybrid point', ec(P384, hybrid)],
    ['the point at infinity', ec(P384, Uint8Array.of(0))],
    ['a point beside the curve', ec(P384, off)],
    ['a point of zeros', ec(P384, join(Uint8Array.of(4), new Uint8Array(96)))],
    ['a point that is one byte short', ec(P384, point.subarray(0, 96))],
    ['a point that is one byte long', ec(P384, join(point, Uint8Array.of(0)))],
    ['a P-384 point said to be on P-256', ec(objectIdentifier('1.2.840.10045.3.1.7'), point)],
    ['a curve given by its numbers', ec(explicitCurve, point)],
    ['a curve left out', sequence(sequence(EC), bitString(point))],
    ['a NULL in place of the curve', ec(Uint8Array.of(5, 0), point)],
    ['a key for ECDH alone', sequence(sequence(objectIdentifier('1.3.132.1.12'), P384), bitString(point))],
  ]
  return [
    ...keys.map(([what, spki]) => refusedChain(`leaf: ${what}`, 'ALG_NOT_ALLOWED', lab.chain({ spki }))),
    ...keys.slice(0, 9).map(([what, spki]) => refusedChain(`intermediate: ${what}`, 'ALG_NOT_ALLOWED', lab.chain({}, { spki }))),
  ]
}

function signatureAlgorithmCases(lab: Laboratory): Draft[] {
  const said = (oid: string, ...parameters: Uint8Array[]): Change => ({
    innerAlgorithm: algorithm(oid, ...parameters),
    outerAlgorithm: algorithm(oid, ...parameters),
  })
  const honest = (hash: 'sha1' | 'sha224' | 'sha512'): Change => ({
    hash,
    innerAlgorithm: ecdsaWith(hash),
    outerAlgorithm: ecdsaWith(hash),
  })
  const changes: [string, Change][] = [
    ['signed with SHA-1', honest('sha1')],
    ['signed with SHA-224', honest('sha224')],
    ['signed with SHA-512', honest('sha512')],
    ['said to be signed with RSA', said('1.2.840.113549.1.1.11', Uint8Array.of(5, 0))],
    ['said to be signed with MD5 and RSA', said('1.2.840.113549.1.1.4', Uint8Array.of(5, 0))],
    ['said to be signed with Ed25519', said('1.3.101.112')],
    ['said to be signed with ECDSA of any hash', said('1.2.840.10045.4.3')],
    ['an algorithm that nobody knows', said('1.2.3.4')],
    ['an algorithm with a NULL', said('1.2.840.10045.4.3.3', Uint8Array.of(5, 0))],
    ['an algorithm with a curve', said('1.2.840.10045.4.3.3', P384)],
    ['one algorithm inside and another outside', { innerAlgorithm: ecdsaWith('sha256') }],
    ['the other one outside', { outerAlgorithm: ecdsaWith('sha256') }],
  ]
  return [
    ...changes.map(([what, change]) => refusedChain(`leaf: ${what}`, 'ALG_NOT_ALLOWED', lab.chain(change))),
    ...changes.slice(0, 6).map(([what, change]) => refusedChain(`intermediate: ${what}`, UNSIGNABLE, lab.chain({}, change))),
  ]
}

/** No root can have signed what nobody may sign with. */
const UNSIGNABLE: [string, ...string[]] = ['ALG_NOT_ALLOWED', 'CHAIN_UNTRUSTED']

function signatureCases(lab: Laboratory): Draft[] {
  const change = (mutateSignature: (signature: Uint8Array) => Uint8Array): Change => ({ mutateSignature })
  const flip = (at: number) => (signature: Uint8Array) => signature.map((byte, index) => (index === at ? byte ^ 1 : byte))
  /** SEQUENCE { INTEGER r, INTEGER s }, with the content of r behind a needless zero. */
  const padded = (signature: Uint8Array) => {
    const length = signature[3] ?? 0
    const r = signature.subarray(4, 4 + length)
    return sequence(tlv(2, Uint8Array.of(0), r), signature.subarray(4 + length))
  }
  const changes: [string, Change][] = [
    ['a flipped bit in the signature', change(flip(20))],
    ['a flipped bit at the signature’s end', change((signature) => flip(signature.length - 1)(signature))],
    ['a signature of zeros', change(() => sequence(integer(0), integer(0)))],
    ['a signature of ones', change(() => sequence(integer(1), integer(1)))],
    ['an empty signature', change(() => new Uint8Array())],
    ['a signature as r and s alone', change(() => new Uint8Array(96).fill(3))],
    ['a signature with a byte after it', change((signature) => join(signature, Uint8Array.of(0)))],
    ['a signature whose r has a needless zero', change(padded)],
    ['a signature of three numbers', change((signature) => sequence(signature.subarray(2), integer(1)))],
    ['a signature by its own key', { signer: lab.leafKey }],
    ['a signature by the root', { signer: lab.rootKey }],
    ['changed after it was signed', { mutate: otherSerial }],
  ]
  const issuer: [string, Change][] = [
    ...changes.slice(0, 3),
    ['a signature by its own key', { signer: lab.subCaKey }],
    ['a signature by the leaf’s key', { signer: lab.leafKey }],
  ]
  return [
    ...changes.map(([what, one]) => refusedChain(`leaf: ${what}`, 'CHAIN_UNTRUSTED', lab.chain(one))),
    ...issuer.map(([what, one]) => refusedChain(`intermediate: ${what}`, 'CHAIN_UNTRUSTED', lab.chain({}, one))),
  ]
}

/** One letter of the attested serial number, changed in the finished certificate. */
function otherSerial(der: Uint8Array): Uint8Array {
  const at = Buffer.from(der).indexOf(SERIAL)
  return der.map((byte, index) => (index === at ? byte ^ 1 : byte))
}
