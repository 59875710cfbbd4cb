import { encode } from 'cborg'
import { parseAttestationObject } from '../../../server/attestation/attestation-object.ts'
import { createLaboratory } from '../../conformance/mda/laboratory.ts'
import { encodeCbor } from '../../software-mac/mac/cbor.ts'
import { hold, type Input, one, same, type Target } from '../target.ts'

const words = [
  '\u00a0',
  '\u00a3',
  '\u0040',
  '\u0080',
  '\u00bf',
  '\u005f',
  '\u00ff',
  '\u00f6',
  '\u00f7',
  '\u00c0',
  'fmt',
  'apple',
  'attStmt',
  'x5c',
  'authData',
]

export const cbor: Target = {
  name: 'cbor',
  about: 'ACME attestation objects: what is accepted has, but for the order of its members, one encoding, and gives the same chain again.',
  shape: 'bytes',
  words,
  open: async () => {
    const chain = createLaboratory('fuzz').chain()
    const short = [Uint8Array.of(1, 2, 3), new Uint8Array()]
    const objects = [
      encodeCbor({ fmt: 'apple', attStmt: { x5c: chain } }),
      encodeCbor({ fmt: 'apple', attStmt: { x5c: short } }),
      encodeCbor({ fmt: 'apple', attStmt: { x5c: short }, authData: new Uint8Array(37) }),
      encodeCbor({ fmt: 'tpm', attStmt: {} }),
      encode({ fmt: 'apple', attStmt: { x5c: short, more: [1, -1, 1.5, true, null, 2n ** 63n] } }),
      encode([[[['nested', { a: { b: { c: 1 } } }]]]]),
    ]
    return { corpus: objects.map(one), run }
  },
}

function run([bytes = new Uint8Array()]: Input): string {
  const before = Uint8Array.from(bytes)
  const parsed = parseAttestationObject(bytes)
  hold('the input is left as it was', same(before, bytes))
  if (!parsed.ok) return `${parsed.reason} ${parsed.detail.replace(/“.*?”/gs, '…')}`
  const { chain } = parsed
  const bare = encodeCbor({ fmt: 'apple', attStmt: { x5c: [...chain] } })
  const again = parseAttestationObject(bare)
  hold(
    'the chain is the same again',
    again.ok && again.chain.length === chain.length && again.chain.every((der, at) => same(der, chain[at] as Uint8Array)),
  )
  const rest = bytes.length - bare.length
  // What else there can be is authData: a text of eight letters and a byte string.
  hold('there is one encoding', rest === 0 || rest >= 10)
  return `read ${chain.length} ${rest === 0 ? '' : 'with authData'}`
}
