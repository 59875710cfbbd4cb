/** What a parser is fed: mostly one string of bytes, sometimes a few that belong together (a signature and what it signs). */
export type Input = readonly Uint8Array[]

export type Probe = {
  /** Real values, well formed and a few that are not. */
  corpus: readonly Input[]
  /**
   * Feeds the parser and holds it to its laws: it throws for a law that is broken, as the parser would for a fault of its own. What it
   * returns says in a word what became of the input; an input with a new word is kept and mutated further.
   */
  run(input: Input): string | Promise<string>
}

export type Shape = 'bytes' | 'text' | 'der'

export type Target = {
  name: string
  /** What is fed, and to which laws it is held. */
  about: string
  shape: Shape
  /** Words of the format, put in where they do not belong. */
  words?: readonly string[]
  /** Longest input that mutations make. */
  maxBytes?: number
  /** Processor time that one input may take. */
  limitMs?: number
  open(): Promise<Probe>
}

/** A law that did not hold. */
class Broken extends Error {
  override readonly name = 'Broken'
}

export function hold(law: string, isHeld: boolean): void {
  if (!isHeld) throw new Broken(law)
}

export const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const one = (bytes: Uint8Array | string): Input => [typeof bytes === 'string' ? bytesOf(bytes) : bytes]
