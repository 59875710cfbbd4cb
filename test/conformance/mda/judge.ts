import type { Case, Expected } from './case.ts'

/** What a tool said of one case: its exit status and its answer in JSON, or why there is none. */
export type Answer = { exit: number | null; output: string }
export type Result = { case: Case; ok: boolean; expected: string; found: string; ms: number }

/** Compares exactly: the exit status, and the set of codes. What else the answer says is its own affair. */
export function judge(one: Case, answer: Answer, ms: number): Result {
  const expected = describe(one.expected)
  const found = read(answer)
  return { case: one, ok: expected === found, expected, found, ms }
}

function describe(expected: Expected): string {
  if (expected.exit === 0) return '0'
  return `${expected.exit} ${expected.exit === 10 ? [...expected.reasons].sort().join(' ') : expected.error}`
}

function read({ exit, output }: Answer): string {
  const parsed = parse(output)
  if (parsed === undefined) return `${exit ?? 'killed'}, and no JSON`
  if (exit === 0) return parsed.reasons.length === 0 ? '0' : `0 ${parsed.reasons.join(' ')}`
  return `${exit ?? 'killed'} ${exit === 10 ? parsed.reasons.join(' ') : (parsed.error ?? 'no error code')}`
}

/** {"reasons":[{"code":…}],"error":{"code":…}}; either may be absent. */
function parse(output: string): { reasons: string[]; error: string | undefined } | undefined {
  try {
    const value: unknown = JSON.parse(output)
    if (typeof value !== 'object' || value === null) return undefined
    const { reasons, error } = value as { reasons?: unknown; error?: unknown }
    const codes = Array.isArray(reasons) ? reasons.map(codeOf).filter((code) => code !== undefined) : []
    return { reasons: [...new Set(codes)].sort(), error: codeOf(error) }
  } catch {
    return undefined
  }
}

function codeOf(value: unknown): string | undefined {
  const code = typeof value === 'object' && value !== null && 'code' in value ? value.code : undefined
  return typeof code === 'string' ? code : undefined
}
