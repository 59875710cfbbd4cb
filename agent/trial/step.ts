/**
 * One fact that Espalier rests on and that no Mac has confirmed yet. The texts are Markdown, as they stand in test/hardware/PLAN.md;
 * `probe` is the part of it that a program can try by itself.
 */
export type TrialStep = {
  id: string
  /** No real fleet before it is confirmed. */
  isBlocking?: true
  fact: string
  run: string
  expect: string
  otherwise: string
  probe?: Probe
}

/** A command without a shell, and what its output (standard output and error together) must look like. */
export type Probe = {
  command: readonly [file: string, ...args: string[]]
  needsRoot?: true
  output: RegExp
  /** Undefined: 0. */
  exitCode?: number
}
