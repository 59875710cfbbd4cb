import type { ModelState } from '#protocol/frames'
import type { EngineErrorCode, EngineEvent, EngineRequest, Usage } from '#protocol/inference'

/** What runs models on this Mac. One engine holds every model of the agent; each behaviour is pinned in conformance.ts. */
export interface Engine {
  readonly name: 'llama' | 'sim'
  /** Requests that can run at once. The engine keeps no queue worth the name: whoever admits requests counts them. */
  readonly slots: number
  /** Makes a model ready. A model that cannot be loaded ends in state `failed`; this never throws for it. */
  load(model: ModelSource): Promise<void>
  models(): ModelState[]
  /** SHA-256 (hex) of the files of each ready model, by name. */
  digests(): Record<string, string>
  /**
   * Text as it is made, then exactly one `finish`. Nothing runs before the first event is asked for. Ends by throwing an
   * EngineError: `cancelled` when `signal` aborts. Leaving the loop early frees everything too.
   */
  generate(request: EngineRequest, signal: AbortSignal): EngineRun
  stats(): EngineStats
  /** Ends everything that runs, then frees the models. */
  close(): Promise<void>
}

export type ModelSource = { name: string; directory: string }

export type EngineStats = { activeSequences: number; tokensGenerated: number }

export interface EngineRun extends AsyncIterable<EngineEvent> {
  /** What was counted so far, for a run that did not reach its `finish`. */
  usage(): Usage
}

/** Why a request could not be served; the code crosses the wire, the detail stays here and never holds content. */
export class EngineError extends Error {
  readonly code: EngineErrorCode

  constructor(code: EngineErrorCode, options: { detail?: string; cause?: unknown } = {}) {
    super(options.detail === undefined ? code : `${code}: ${options.detail}`, { cause: options.cause })
    this.name = 'EngineError'
    this.code = code
  }
}
