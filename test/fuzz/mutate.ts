import { mutateDer } from './mutate-der.ts'
import type { Random } from './random.ts'
import { bytesOf, type Input, type Shape } from './target.ts'

export type Rules = { shape: Shape; words: readonly Uint8Array[]; maxBytes: number; random: Random }
/** `donor`: the same part of another input, to take pieces from. */
type Mutation = (bytes: Uint8Array, rules: Rules & { donor: () => Uint8Array }) => Uint8Array

/** One to four changes to one part of an input; the other parts stay, so that each is tried against what belonged to it. */
export function mutate(input: Input, corpus: readonly Input[], rules: Rules): Input {
  const { random, maxBytes } = rules
  const index = random.below(input.length)
  const donor = () => random.pick(corpus)[index] ?? random.pick(input)
  const changes = 1 + (random.chance(0.5) ? 0 : random.below(4))
  let bytes: Uint8Array = input[index] as Uint8Array
  for (let i = 0; i < changes; i++) bytes = random.pick(mutationsOf(rules.shape))(bytes, { ...rules, donor })
  return input.map((part, at) => (at === index ? bytes.subarray(0, maxBytes) : part))
}

const INTERESTING = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  2n ** 63n,
  2n ** 64n - 1n,
]
const NUMBERS = ['0', '-1', '00', '1e9', '1e400', '-0', '4294967296', '9007199254740993', '9223372036854775808', '18446744073709551616', '']

const flipBit: Mutation = (bytes, { random }) =>
  edit(bytes, random, (copy, at) => (copy[at] = (copy[at] as number) ^ (1 << random.below(8))))
const setByte: Mutation = (bytes, { random }) => edit(bytes, random, (copy, at) => (copy[at] = random.below(256)))
const nudgeByte: Mutation = (bytes, { random }) =>
  edit(bytes, random, (copy, at) => (copy[at] = (copy[at] as number) + random.pick([1, -1, 2, 0x80])))

/** An integer of 1, 2, 4 or 8 bytes, big-endian, becomes one at an edge: a length, a count or an offset lies. */
const lie: Mutation = (bytes, { random }) =>
  edit(bytes, random, (copy, at) => {
    const size = random.pick([1, 2, 4, 8])
    const value = random.pick(INTERESTING)
    for (let i = 0; i < size && at + i < copy.length; i++) copy[at + i] = Number((value >> BigInt(8 * (size - 1 - i))) & 0xffn)
  })

const insert: Mutation = (bytes, { random }) => put(bytes, random.below(bytes.length + 1), 0, random.bytes(1 + random.below(16)))
const remove: Mutation = (bytes, { random }) => {
  const at = random.below(bytes.length + 1)
  return put(bytes, at, 1 + random.below(random.chance(0.8) ? 8 : 256), new Uint8Array())
}
const truncate: Mutation = (bytes, { random }) => bytes.subarray(0, random.below(bytes.length + 1))

/** A piece twice; now and then so often that what nests nests deep, and what is a list grows long. */
const repeat: Mutation = (bytes, { random, maxBytes }) => {
  const at = random.below(bytes.length + 1)
  const piece = bytes.subarray(at, at + 1 + random.below(random.chance(0.5) ? 12 : 200))
  if (piece.length === 0) return bytes
  const times = random.chance(0.9) ? 1 + random.below(4) : Math.min(2 ** random.below(17), Math.ceil(maxBytes / piece.length))
  return put(bytes, at, 0, Buffer.concat(Array.from({ length: times }, () => piece)))
}

const move: Mutation = (bytes, { random }) => {
  const from = random.below(bytes.length + 1)
  const piece = bytes.slice(from, from + 1 + random.below(64))
  return put(bytes, random.below(bytes.length + 1), random.chance(0.5) ? piece.length : 0, piece)
}

const splice: Mutation = (bytes, { random, donor }) => {
  const other = donor()
  const from = random.below(other.length + 1)
  if (random.chance(0.3)) return Buffer.concat([bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(from)])
  const piece = other.subarray(from, from + 1 + random.below(128))
  return put(bytes, random.below(bytes.length + 1), random.chance(0.5) ? piece.length : 0, piece)
}

const putWord: Mutation = (bytes, { random, words }) => {
  const word = words.length === 0 ? random.bytes(2) : random.pick(words)
  const times = random.chance(0.95) ? 1 : 2 ** random.below(13)
  return put(
    bytes,
    random.below(bytes.length + 1),
    random.chance(0.3) ? word.length : 0,
    Buffer.concat(Array.from({ length: times }, () => word)),
  )
}

/** A number in a text becomes another. */
const renumber: Mutation = (bytes, { random }) => {
  const found = [
    ...Buffer.from(bytes.subarray(0, 4096))
      .toString('latin1')
      .matchAll(/-?\d+(?:\.\d+)?/g),
  ]
  if (found.length === 0) return bytes
  const number = random.pick(found)
  return put(bytes, number.index, number[0].length, bytesOf(random.pick(NUMBERS)))
}

/** Most texts with a byte above 127 are refused as no UTF-8, and nothing else about them is tried. */
const setCharacter: Mutation = (bytes, { random }) => edit(bytes, random, (copy, at) => (copy[at] = 0x20 + random.below(0x5f)))

const ANY: readonly Mutation[] = [flipBit, flipBit, setByte, nudgeByte, lie, insert, remove, truncate, repeat, move, splice, putWord]
const MUTATIONS: Record<Shape, readonly Mutation[]> = {
  bytes: ANY,
  text: [
    flipBit,
    lie,
    setCharacter,
    setCharacter,
    remove,
    truncate,
    repeat,
    repeat,
    move,
    move,
    splice,
    splice,
    putWord,
    putWord,
    putWord,
    renumber,
    renumber,
  ],
  der: [...ANY, ...Array.from({ length: 8 }, (): Mutation => mutateDer)],
}
const mutationsOf = (shape: Shape): readonly Mutation[] => MUTATIONS[shape]

function edit(bytes: Uint8Array, random: Random, change: (copy: Uint8Array, at: number) => void): Uint8Array {
  if (bytes.length === 0) return random.bytes(1)
  const copy = Uint8Array.from(bytes)
  change(copy, random.below(copy.length))
  return copy
}

const put = (bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array =>
  new Uint8Array(Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]))
