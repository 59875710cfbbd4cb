import { pem } from './laboratory.ts'

/** What a tool must answer: its exit status, and exactly these codes (an error of the input, or the reasons of a refusal). */
export type Expected = { exit: 0 } | { exit: 10; reasons: readonly [string, ...string[]] } | { exit: 20 | 30; error: string }

export type Case = {
  /** Group and number; the same from run to run. */
  id: string
  group: string
  title: string
  bytes: Uint8Array
  /** Options beside the file, `--root`, `--at` and `--json`. */
  args: readonly string[]
  expected: Expected
}
export type Draft = Omit<Case, 'id' | 'group'>

export const proven = (title: string, bytes: Uint8Array, ...args: string[]): Draft => ({ title, bytes, args, expected: { exit: 0 } })

/** A file that is refused for these reasons and no other. */
export const refused = (title: string, reasons: string | [string, ...string[]], bytes: Uint8Array, ...args: string[]): Draft => ({
  title,
  bytes,
  args,
  expected: { exit: 10, reasons: typeof reasons === 'string' ? [reasons] : reasons },
})

export const refusedChain = (
  title: string,
  reasons: string | [string, ...string[]],
  chain: readonly Uint8Array[],
  ...args: string[]
): Draft => refused(title, reasons, pem(chain), ...args)

export const malformed = (title: string, bytes: Uint8Array, error = 'malformed_input'): Draft => ({
  title,
  bytes,
  args: [],
  expected: { exit: 30, error },
})

/** A certificate that is not strict DER. */
export const malformedChain = (title: string, chain: readonly Uint8Array[]): Draft => malformed(title, pem(chain), 'malformed_certificate')

export const unsupported = (title: string, bytes: Uint8Array, error: string): Draft => ({
  title,
  bytes,
  args: [],
  expected: { exit: 20, error },
})
