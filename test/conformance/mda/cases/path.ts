import { printableString, sequence, time, tlv, utf8String } from '../../../software-mac/apple/der-writer.ts'
import { type Draft, refusedChain } from '../case.ts'
import {
  ascii,
  attribute,
  basicConstraints,
  type Change,
  createLaboratory,
  days,
  keyFor,
  keyUsage,
  type Laboratory,
  minutes,
  name,
  rootName,
  seconds,
  sha256,
  subCaName,
} from '../laboratory.ts'

/** From leaf to root: order, names, impostors, lengths and times (RFC 5280 §6.1). */
export const pathCases = (lab: Laboratory): Draft[] => [
  ...orderCases(lab),
  ...impostorCases(lab),
  ...lengthCases(lab),
  ...nameCases(lab),
  ...leafNameCases(lab),
  ...validityCases(lab),
]

function orderCases(lab: Laboratory): Draft[] {
  const [leaf, subCa, root] = [lab.leaf(), lab.subCa(), lab.root()]
  const other = lab.leaf({ serialNumber: Uint8Array.of(2, 1, 9) })
  return [
    refusedChain('the leaf alone', 'CHAIN_INCOMPLETE', [leaf]),
    refusedChain('the root alone', 'CHAIN_INCOMPLETE', [root]),
    refusedChain('the leaf and the root, without the intermediate', 'CHAIN_INCOMPLETE', [leaf, root]),
    refusedChain('a leaf signed by the root itself', 'CHAIN_INCOMPLETE', [lab.leaf({ signer: lab.rootKey, issuer: rootName })]),
    refusedChain('a leaf signed by the root itself, with the root', 'CHAIN_INCOMPLETE', [
      lab.leaf({ signer: lab.rootKey, issuer: rootName }),
      root,
    ]),
    refusedChain('the leaf twice', ['CHAIN_UNTRUSTED', 'ISSUER_NOT_CA', 'ISSUER_NAME_UNEXPECTED', 'PATH_TOO_LONG'], [leaf, leaf, subCa]),
    refusedChain('the intermediate twice', ['CHAIN_UNTRUSTED', 'PATH_TOO_LONG'], [leaf, subCa, subCa]),
    refusedChain(
      'another leaf between',
      ['CHAIN_UNTRUSTED', 'ISSUER_NOT_CA', 'ISSUER_NAME_UNEXPECTED', 'PATH_TOO_LONG'],
      [leaf, other, subCa],
    ),
    refusedChain('the root in the middle', ['CHAIN_UNTRUSTED', 'ISSUER_NAME_UNEXPECTED', 'PATH_TOO_LONG'], [leaf, root, subCa]),
    refusedChain('six certificates', 'CHAIN_TOO_LARGE', [leaf, subCa, subCa, subCa, subCa, root]),
    refusedChain('a certificate above 8 KiB', 'CHAIN_TOO_LARGE', [
      lab.leaf({ extensions: [...lab.leafExtensions(), { oid: '1.2.3.4', value: new Uint8Array(9000) }] }),
      subCa,
    ]),
    refusedChain('the leaf of another intermediate', 'CHAIN_UNTRUSTED', [
      lab.leaf({ signer: keyFor(lab.seed, 'another intermediate') }),
      subCa,
    ]),
  ]
}

function impostorCases(lab: Laboratory): Draft[] {
  const impostor = createLaboratory(`${lab.seed}, an impostor`)
  return [
    refusedChain('a root that only shares the name', 'CHAIN_UNTRUSTED', impostor.chain()),
    refusedChain(
      'the same, with that root sent along',
      ['CHAIN_UNTRUSTED', 'ISSUER_NAME_UNEXPECTED'],
      [...impostor.chain(), impostor.root()],
    ),
    refusedChain('an impostor’s leaf under the true intermediate', 'CHAIN_UNTRUSTED', [impostor.leaf(), lab.subCa()]),
    refusedChain('a true leaf under an impostor’s intermediate', 'CHAIN_UNTRUSTED', [lab.leaf(), impostor.subCa()]),
    refusedChain('an impostor’s intermediate, with the true root sent along', 'CHAIN_UNTRUSTED', [...impostor.chain(), lab.root()]),
    refusedChain('an impostor’s root with the true root’s serial number and key identifier', 'CHAIN_UNTRUSTED', [
      lab.leaf({ signer: impostor.subCaKey }),
      impostor.subCa({ serialNumber: Uint8Array.of(2, 1, 1) }),
    ]),
    refusedChain('an intermediate that signed itself', 'CHAIN_UNTRUSTED', lab.chain({}, { signer: lab.subCaKey, issuer: subCaName })),
    refusedChain(
      'a root whose name differs by one letter',
      'CHAIN_UNTRUSTED',
      lab.chain({}, { issuer: name(['CN', 'Conformance Suite Attestation Root cA'], ['O', 'Conformance']) }),
    ),
    refusedChain(
      'Apple’s own root by name',
      'CHAIN_UNTRUSTED',
      lab.chain({}, { issuer: name(['CN', 'Apple Enterprise Attestation Root CA'], ['O', 'Apple Inc.'], ['C', 'US']) }),
    ),
    refusedChain(
      'the root’s name in other string types',
      'CHAIN_UNTRUSTED',
      lab.chain(
        {},
        {
          issuer: sequence(
            attribute('CN', printableString('Conformance Suite Attestation Root CA')),
            attribute('O', printableString('Conformance')),
          ),
        },
      ),
    ),
    refusedChain(
      'the root’s name in another order',
      'CHAIN_UNTRUSTED',
      lab.chain({}, { issuer: name(['O', 'Conformance'], ['CN', 'Conformance Suite Attestation Root CA']) }),
    ),
    refusedChain('a leaf that names the root as its issuer', 'CHAIN_UNTRUSTED', lab.chain({ issuer: rootName })),
    refusedChain(
      'a leaf that names another intermediate',
      'CHAIN_UNTRUSTED',
      lab.chain({ issuer: name(['CN', 'Apple Enterprise Attestation Sub CA 2'], ['O', 'Conformance']) }),
    ),
    refusedChain(
      'a leaf that names its issuer in other string types',
      'CHAIN_UNTRUSTED',
      lab.chain({
        issuer: sequence(
          attribute('CN', printableString('Apple Enterprise Attestation Sub CA 1')),
          attribute('O', printableString('Conformance')),
        ),
      }),
    ),
  ]
}

function lengthCases(lab: Laboratory): Draft[] {
  const upperKey = keyFor(lab.seed, 'upper')
  const upperName = name(['CN', 'Apple Enterprise Attestation Sub CA U'], ['O', 'Conformance'])
  const upper = (pathLength: number | undefined, change: Change = {}) =>
    lab.subCa({ subject: upperName, spki: upperKey.spki, extensions: [basicConstraints(true, pathLength), keyUsage(1, 0x06)], ...change })
  const lower = (pathLength: number | undefined = 0) =>
    lab.subCa({ issuer: upperName, signer: upperKey, extensions: [basicConstraints(true, pathLength), keyUsage(1, 0x06)] })
  return [
    refusedChain('two intermediates where the upper one allows none below', 'PATH_TOO_LONG', [lab.leaf(), lower(), upper(0)]),
    refusedChain('the same, with the root sent along', 'PATH_TOO_LONG', [lab.leaf(), lower(), upper(0), lab.root()]),
    refusedChain('two intermediates, the upper one no authority', 'ISSUER_NOT_CA', [
      lab.leaf(),
      lower(),
      upper(undefined, { extensions: [basicConstraints(false), keyUsage(1, 0x06)] }),
    ]),
    refusedChain('two intermediates, the upper one of another name', 'ISSUER_NAME_UNEXPECTED', [
      lab.leaf(),
      lab.subCa({ issuer: name(['CN', 'Somebody']), signer: upperKey }),
      upper(1, { subject: name(['CN', 'Somebody']) }),
    ]),
    refusedChain('two intermediates, the upper one left out', 'CHAIN_UNTRUSTED', [lab.leaf(), lower()]),
    refusedChain('two intermediates in the wrong order', ['CHAIN_UNTRUSTED', 'PATH_TOO_LONG'], [lab.leaf(), upper(0), lower()]),
  ]
}

/** A name proves nothing; yet below Apple's root only this one is known. */
function nameCases(lab: Laboratory): Draft[] {
  const named = (title: string, subject: Uint8Array) =>
    refusedChain(`intermediate named ${title}`, 'ISSUER_NAME_UNEXPECTED', lab.chain({ issuer: subject }, { subject }))
  return [
    named('for something else', name(['CN', 'Apple Application Integration CA 5'], ['O', 'Apple Inc.'])),
    named('almost right', name(['CN', 'Apple Enterprise Attestation SubCA 1'])),
    named('in capitals', name(['CN', 'APPLE ENTERPRISE ATTESTATION SUB CA 1'])),
    named('with a space before it', name(['CN', ' Apple Enterprise Attestation Sub CA 1'])),
    named('twice', name(['CN', 'Apple Enterprise Attestation Sub CA 1'], ['CN', 'Apple Enterprise Attestation Sub CA 1'])),
    named('by its organisation alone', name(['O', 'Apple Enterprise Attestation Sub CA 1'])),
    named(
      'in BMPString',
      sequence(attribute('CN', tlv(0x1e, new Uint8Array(Buffer.from('Apple Enterprise Attestation Sub CA 1', 'utf16le').swap16())))),
    ),
    named('in TeletexString', sequence(attribute('CN', tlv(0x14, ascii('Apple Enterprise Attestation Sub CA 1'))))),
    named('nothing at all', sequence()),
  ]
}

/** Apple names a leaf after its key: SHA-256 of the uncompressed point, in small hexadecimal. */
function leafNameCases(lab: Laboratory): Draft[] {
  const { point, spki } = lab.leafKey
  const digest = (bytes: Uint8Array) => Buffer.from(sha256(bytes)).toString('hex')
  const own = digest(point)
  const names: [string, Uint8Array][] = [
    ['another hash', name(['CN', 'a'.repeat(64)])],
    ['its hash in capitals', name(['CN', own.toUpperCase()])],
    ['its hash cut short', name(['CN', own.slice(0, 40)])],
    ['its hash and a space', name(['CN', `${own} `])],
    ['the hash of the whole public key', name(['CN', digest(spki)])],
    ['the hash of the point without its first byte', name(['CN', digest(point.subarray(1))])],
    ['the hash of the compressed point', name(['CN', digest(Uint8Array.of(2 + ((point.at(-1) ?? 0) & 1), ...point.subarray(1, 49)))])],
    ['the hash of another key', name(['CN', digest(lab.subCaKey.point)])],
    ['two names, one of them right', name(['CN', own], ['CN', 'a'])],
    ['the right name as its organisation', name(['O', own])],
    ['no name', sequence()],
    ['the serial number', name(['CN', '0HXK2Q9ABC'])],
    ['the right name in BMPString', sequence(attribute('CN', tlv(0x1e, new Uint8Array(Buffer.from(own, 'utf16le').swap16()))))],
    ['the right name as a nested string', sequence(attribute('CN', utf8String(Buffer.from(utf8String(own)).toString('latin1'))))],
  ]
  return names.map(([what, subject]) => refusedChain(`leaf named: ${what}`, 'LEAF_NAME_MISMATCH', lab.chain({ subject })))
}

function validityCases(lab: Laboratory): Draft[] {
  const life = (from: Date, to: Date): Change => ({ notBefore: time(from), notAfter: time(to) })
  return [
    refusedChain('leaf: ended a second ago', 'CHAIN_EXPIRED', lab.chain(life(days(-1), seconds(-1)))),
    refusedChain('leaf: ended a year ago', 'CHAIN_EXPIRED', lab.chain(life(days(-400), days(-365)))),
    refusedChain('leaf: begins in a second', 'CHAIN_NOT_YET_VALID', lab.chain(life(seconds(1), days(91)))),
    refusedChain('leaf: begins tomorrow', 'CHAIN_NOT_YET_VALID', lab.chain(life(days(1), days(91)))),
    refusedChain('leaf: ends before it begins, both past', 'CHAIN_EXPIRED', lab.chain(life(days(-1), days(-2)))),
    refusedChain('leaf: ends before it begins, both to come', 'CHAIN_NOT_YET_VALID', lab.chain(life(days(2), days(1)))),
    refusedChain('leaf: ended before it begins', ['CHAIN_NOT_YET_VALID'], lab.chain(life(days(1), days(-1)))),
    refusedChain(
      'leaf: of the last century',
      'CHAIN_EXPIRED',
      lab.chain(life(new Date('1970-01-01T00:00:00Z'), new Date('1999-12-31T23:59:59Z'))),
    ),
    refusedChain('intermediate: ended a second ago', 'CHAIN_EXPIRED', lab.chain({}, life(days(-300), seconds(-1)))),
    refusedChain('intermediate: begins in a second', 'CHAIN_NOT_YET_VALID', lab.chain({}, life(seconds(1), days(300)))),
    refusedChain('both ended', 'CHAIN_EXPIRED', lab.chain(life(days(-9), days(-1)), life(days(-9), days(-1)))),
    refusedChain('judged a minute before the leaf begins', 'CHAIN_NOT_YET_VALID', lab.chain(), '--at', minutes(-61).toISOString()),
    refusedChain('judged when the leaf has ended', 'CHAIN_EXPIRED', lab.chain(), '--at', days(92).toISOString()),
    refusedChain(
      'judged when the root has ended',
      'CHAIN_EXPIRED',
      lab.chain(life(days(-1), days(5000)), life(days(-300), days(5000))),
      '--at',
      days(4001).toISOString(),
    ),
    refusedChain(
      'judged before the root began',
      'CHAIN_NOT_YET_VALID',
      lab.chain(life(days(-500), days(91)), life(days(-500), days(91))),
      '--at',
      days(-401).toISOString(),
    ),
  ]
}
