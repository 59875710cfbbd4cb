import { bitString, integer, objectIdentifier, sequence, set, tlv, utf8String } from '../apple/der-writer.ts'
import type { EnclaveKey } from './secure-enclave.ts'

/** The profile's `Subject`: relative distinguished names, each a list of [type, value]. */
export type SubjectNames = [string, string][][]

const TYPES: Record<string, string> = {
  CN: '2.5.4.3',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  C: '2.5.4.6',
  serialNumber: '2.5.4.5',
}

/** PKCS#10 (RFC 2986) with the payload's subject and no attributes, signed by the key it is about. */
export function createCsr(subject: SubjectNames, key: EnclaveKey): Uint8Array {
  const info = sequence(integer(0), sequence(...subject.map((names) => set(...names.map(nameDer)))), key.spki, tlv(0xa0))
  const hash = key.curve === 'P-384' ? 'sha384' : 'sha256'
  const algorithm = sequence(objectIdentifier(hash === 'sha384' ? '1.2.840.10045.4.3.3' : '1.2.840.10045.4.3.2'))
  return sequence(info, algorithm, bitString(key.signDer(hash, info)))
}

function nameDer([type, value]: [string, string]): Uint8Array {
  const oid = TYPES[type] ?? (/^\d+(\.\d+)+$/.test(type) ? type : undefined)
  if (oid === undefined) throw new RangeError(`unknown subject attribute ${type}`)
  return sequence(objectIdentifier(oid), utf8String(value))
}
