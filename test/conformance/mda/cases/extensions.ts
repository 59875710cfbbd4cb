import { boolean, integer, octetString, sequence } from '../../../software-mac/apple/der-writer.ts'
import { type Draft, refusedChain } from '../case.ts'
import { basicConstraints, type Extension, keyUsage, type Laboratory, OID } from '../laboratory.ts'

/** Standard extensions (RFC 5280 §4.2.1): missing, doubled, malformed, contradicting what the certificate is for. */
export const extensionCases = (lab: Laboratory): Draft[] => [...leafCases(lab), ...issuerCases(lab), ...unknownCases(lab)]

const constraints = (value: Uint8Array): Extension => ({ oid: OID.basicConstraints, critical: true, value })

const MALFORMED_CONSTRAINTS: [string, Uint8Array][] = [
  ['with FALSE spelled out', sequence(boolean(false))],
  ['with TRUE written as 01', Uint8Array.of(0x30, 3, 1, 1, 1)],
  ['that are empty', new Uint8Array()],
  ['that are no SEQUENCE', boolean(true)],
  ['with a byte after them', Uint8Array.of(0x30, 0, 0)],
  ['with a path length but no authority', sequence(integer(0))],
  ['with a negative path length', Uint8Array.of(0x30, 6, 1, 1, 0xff, 2, 1, 0xff)],
  ['with a third member', sequence(boolean(true), integer(0), integer(0))],
  ['with a length in two bytes', Uint8Array.of(0x30, 0x81, 0)],
  ['inside an OCTET STRING', octetString(sequence())],
]
const MALFORMED_USAGE: [string, Uint8Array][] = [
  ['without bits', Uint8Array.of(3, 1, 0)],
  ['that is empty', new Uint8Array()],
  ['with needless zero bits', Uint8Array.of(3, 2, 0, 0xf0)],
  ['with a needless zero byte', Uint8Array.of(3, 3, 0, 0xf0, 0)],
  ['whose unused bits are set', Uint8Array.of(3, 2, 4, 0xff)],
  ['with eight unused bits', Uint8Array.of(3, 2, 8, 0)],
  ['of three bytes', Uint8Array.of(3, 4, 0, 0xf0, 0, 1)],
  ['that is no BIT STRING', Uint8Array.of(4, 2, 4, 0xf0)],
  ['with a byte after it', Uint8Array.of(3, 2, 4, 0xf0, 0)],
]

function leafCases(lab: Laboratory): Draft[] {
  const leaf = (title: string, reasons: string | [string, ...string[]], change: Parameters<Laboratory['chain']>[0]) =>
    refusedChain(`leaf: ${title}`, reasons, lab.chain(change))
  return [
    leaf('no basic constraints', 'LEAF_IS_CA', lab.replaced('basicConstraints')),
    leaf('marked as an authority', 'LEAF_IS_CA', lab.replaced('basicConstraints', basicConstraints(true))),
    leaf('marked as an authority of path length 0', 'LEAF_IS_CA', lab.replaced('basicConstraints', basicConstraints(true, 0))),
    leaf('key may sign certificates', 'LEAF_IS_CA', lab.replaced('keyUsage', keyUsage(2, 0xf4))),
    leaf('key may only sign certificates', 'LEAF_IS_CA', lab.replaced('keyUsage', keyUsage(2, 0x04))),
    leaf('basic constraints twice', 'EXT_DUPLICATE', lab.replaced('basicConstraints', basicConstraints(false), basicConstraints(false))),
    leaf(
      'basic constraints twice, the second an authority',
      'EXT_DUPLICATE',
      lab.replaced('basicConstraints', basicConstraints(false), basicConstraints(true)),
    ),
    leaf('key usage twice', 'EXT_DUPLICATE', lab.replaced('keyUsage', keyUsage(4, 0xf0), keyUsage(4, 0xf0))),
    ...MALFORMED_CONSTRAINTS.map(([how, value]) =>
      leaf(`basic constraints ${how}`, 'EXT_MALFORMED', lab.replaced('basicConstraints', constraints(value))),
    ),
    ...MALFORMED_USAGE.map(([how, value]) =>
      leaf(`key usage ${how}`, 'EXT_MALFORMED', lab.replaced('keyUsage', { oid: OID.keyUsage, critical: true, value })),
    ),
  ]
}

function issuerCases(lab: Laboratory): Draft[] {
  const issuer = (title: string, reasons: string | [string, ...string[]], ...extensions: Extension[]) =>
    refusedChain(`intermediate: ${title}`, reasons, lab.chain({}, { extensions }))
  const [authority, signing] = [basicConstraints(true, 0), keyUsage(1, 0x06)]
  return [
    issuer('no basic constraints', 'ISSUER_NOT_CA', signing),
    issuer('marked as no authority', 'ISSUER_NOT_CA', basicConstraints(false), signing),
    issuer('no key usage', 'ISSUER_NOT_CA', authority),
    issuer('key may sign lists of revocation only', 'ISSUER_NOT_CA', authority, keyUsage(1, 0x02)),
    issuer('key may sign, but no certificates', 'ISSUER_NOT_CA', authority, keyUsage(7, 0x80)),
    issuer('key of a leaf', 'ISSUER_NOT_CA', authority, keyUsage(4, 0xf0)),
    issuer('no extensions at all', 'ISSUER_NOT_CA'),
    issuer('basic constraints twice', 'EXT_DUPLICATE', authority, authority, signing),
    issuer('key usage twice', 'EXT_DUPLICATE', authority, signing, signing),
    ...MALFORMED_CONSTRAINTS.slice(0, 5).map(([how, value]) =>
      issuer(`basic constraints ${how}`, 'EXT_MALFORMED', constraints(value), signing),
    ),
    ...MALFORMED_USAGE.slice(0, 5).map(([how, value]) =>
      issuer(`key usage ${how}`, 'EXT_MALFORMED', authority, { oid: OID.keyUsage, critical: true, value }),
    ),
  ]
}

/** RFC 5280 §4.2: a critical extension that is not understood refuses; doubling refuses whatever is doubled. */
function unknownCases(lab: Laboratory): Draft[] {
  const kinds: [string, string][] = [
    ['of nobody', '1.2.3.4'],
    ['name constraints', '2.5.29.30'],
    ['certificate policies', '2.5.29.32'],
    ['policy constraints', '2.5.29.36'],
    ['alternative names', '2.5.29.17'],
    ['next to Apple’s arc', '1.2.840.113635.100.8.99.1'],
  ]
  const critical = (oid: string): Extension => ({ oid, critical: true, value: Uint8Array.of(5, 0) })
  const plain: Extension = { oid: '1.2.3.4', value: Uint8Array.of(5, 0) }
  const base = [basicConstraints(true, 0), keyUsage(1, 0x06)]
  return [
    ...kinds.map(([what, oid]) =>
      refusedChain(
        `leaf: critical extension, ${what}`,
        'EXT_UNKNOWN_CRITICAL',
        lab.chain({ extensions: [...lab.leafExtensions(), critical(oid)] }),
      ),
    ),
    ...kinds.map(([what, oid]) =>
      refusedChain(
        `intermediate: critical extension, ${what}`,
        'EXT_UNKNOWN_CRITICAL',
        lab.chain({}, { extensions: [...base, critical(oid)] }),
      ),
    ),
    refusedChain('leaf: an unknown extension twice', 'EXT_DUPLICATE', lab.chain({ extensions: [...lab.leafExtensions(), plain, plain] })),
    refusedChain(
      'leaf: an unknown extension twice, first and last',
      'EXT_DUPLICATE',
      lab.chain({ extensions: [plain, ...lab.leafExtensions(), plain] }),
    ),
    refusedChain('intermediate: an unknown extension twice', 'EXT_DUPLICATE', lab.chain({}, { extensions: [...base, plain, plain] })),
  ]
}
