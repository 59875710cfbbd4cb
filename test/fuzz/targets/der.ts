import { createPublicKey, X509Certificate } from 'node:crypto'
import { type Certificate, parseCertificate } from '../../../server/attestation/certificate.ts'
import { duplicatedExtensions, parseBasicConstraints, parseKeyUsage } from '../../../server/attestation/certificate-extensions.ts'
import { verifyChain } from '../../../server/attestation/chain.ts'
import {
  createDerReader,
  DerError,
  type DerReader,
  decodeBitString,
  decodeBoolean,
  decodeInteger,
  decodeObjectIdentifier,
  decodeTime,
  TAG,
} from '../../../server/attestation/der.ts'
import { readProperties } from '../../../server/attestation/properties.ts'
import { createCustomAnchors } from '../../../server/attestation/roots.ts'
import { AT, createLaboratory, keyFor } from '../../conformance/mda/laboratory.ts'
import { bitString, boolean, integer, objectIdentifier, time, tlv } from '../../software-mac/apple/der-writer.ts'
import { hold, type Input, one, same, type Target } from '../target.ts'

const laboratory = createLaboratory('fuzz')
const certificates = (): Uint8Array[] => [
  ...laboratory.chain(),
  laboratory.root(),
  laboratory.leaf({ spki: keyFor('fuzz', 'other', 'P-256').spki }),
  laboratory.leaf({ extensions: [] }),
]

export const derValues: Target = {
  name: 'der-values',
  about: 'DER values of every kind we read: what is accepted has one encoding, and is written as exactly these bytes.',
  shape: 'der',
  open: async () => ({ corpus: certificates().map(one), run: ([bytes = new Uint8Array()]) => readAll(bytes) }),
}

function readAll(bytes: Uint8Array): string {
  const kinds = new Set<string>()
  try {
    const reader = createDerReader(bytes)
    readList(reader, kinds, 0)
    return [...kinds].sort().join(' ')
  } catch (error) {
    if (error instanceof DerError) return `${error.message.replace(/\d+/g, '…')} after ${kinds.size}`
    throw error
  }
}

function readList(reader: DerReader, kinds: Set<string>, depth: number): void {
  while (!reader.isAtEnd) {
    const { tag, content, raw } = reader.next()
    hold(`a value of tag ${tag} has one encoding`, hasOneEncoding(tag, content, raw))
    kinds.add(tag.toString(16))
    if ((tag & 0x20) !== 0 && depth < 100) readList(createDerReader(content), kinds, depth + 1)
  }
}

function hasOneEncoding(tag: number, content: Uint8Array, raw: Uint8Array): boolean {
  switch (tag) {
    case TAG.boolean:
      return same(boolean(decodeBoolean(content)), raw)
    case TAG.integer: {
      const value = decodeInteger(content)
      return value < 0n || same(integer(value), raw)
    }
    case TAG.bitString: {
      const { bytes, unusedBits } = decodeBitString(content)
      return same(bitString(bytes, unusedBits), raw)
    }
    case TAG.objectIdentifier:
      return same(objectIdentifier(decodeObjectIdentifier(content)), raw)
    case TAG.utcTime:
    case TAG.generalizedTime:
      return same(time(decodeTime({ tag, content, raw })), raw)
    default:
      return same(tlv(tag, content), raw)
  }
}

export const derCertificate: Target = {
  name: 'der',
  about: 'X.509 certificates: what we accept OpenSSL accepts as well, and reads the same names, times, numbers and keys in it.',
  shape: 'der',
  open: async () => ({ corpus: certificates().map(one), run: ([bytes = new Uint8Array()]) => readCertificate(bytes) }),
}

function readCertificate(bytes: Uint8Array): string {
  const parsed = parseCertificate(bytes)
  if (!parsed.ok) return parsed.detail.replace(/\d+/g, '…')
  const { certificate } = parsed
  hold('nothing is left over', same(certificate.raw, bytes))
  const theirs = openssl(bytes)
  hold('what we accept OpenSSL accepts', theirs !== undefined)
  if (theirs !== undefined) compare(certificate, theirs)
  const parts = [parseBasicConstraints(certificate), parseKeyUsage(certificate)].map(({ ok }) => ok)
  const states = Object.values(readProperties(certificate)).map((property) => (property as { state: string }).state[0])
  return `read ${parts.join()} ${duplicatedExtensions(certificate).length > 0} ${certificate.publicKey?.curve} ${certificate.signatureHash} ${states.join('')}`
}

function openssl(bytes: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes)
  } catch {
    return undefined
  }
}

function compare(ours: Certificate, theirs: X509Certificate): void {
  hold('the serial number is the same', ours.serialNumber === BigInt(`0x${theirs.serialNumber}`))
  hold('the certificate begins when OpenSSL says', ours.notBefore.getTime() === theirs.validFromDate.getTime())
  hold('the certificate ends when OpenSSL says', ours.notAfter.getTime() === theirs.validToDate.getTime())
  if (ours.publicKey !== undefined) {
    const spki = createPublicKey({ key: Buffer.from(ours.spki), format: 'der', type: 'spki' }).export({ format: 'der', type: 'spki' })
    hold('the key is the one that OpenSSL reads', same(spki, theirs.publicKey.export({ format: 'der', type: 'spki' })))
  }
  const constraints = parseBasicConstraints(ours)
  if (constraints.ok && constraints.value?.isCa === true && duplicatedExtensions(ours).length === 0 && parseKeyUsage(ours).ok)
    hold('who is an authority for us is one for OpenSSL', theirs.ca || parseKeyUsage(ours).ok)
}

export const attestationChain: Target = {
  name: 'attestation-chain',
  about: 'Chains of an attestation, leaf and intermediate: none is accepted of which a signed byte has changed.',
  shape: 'der',
  open: async () => {
    const anchors = createCustomAnchors(laboratory.root())
    const chain = laboratory.chain()
    const corpus: Input[] = [chain, [...chain, laboratory.root()], [laboratory.leaf({ serialNumber: integer(77) }), laboratory.subCa()]]
    const known = corpus.flat()
    const run = (input: Input): string => {
      const verdict = verifyChain(input, anchors, AT)
      if (!verdict.ok) return [...new Set(verdict.findings.map(({ code }) => code))].join(' ')
      const path = [verdict.leaf, ...verdict.intermediates].map(({ raw }) => raw)
      hold(
        'an accepted chain was made by its authority',
        path.every((der) => known.some((made) => same(made, der))),
      )
      return `accepted ${path.length}`
    }
    return { corpus, run }
  },
}
