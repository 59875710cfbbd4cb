import type { Samples } from './samples.ts'

/** What the bench and its child processes say to each other. */
export type Target = { url: string; apiKey: string; model: string }

export type LoadOrder = {
  target: Target
  streams: number
  requests: number
  tokens: number
  /** The streams begin evenly over this time; zero: all at once. */
  spreadMs: number
}

export type LoadAnswer = { samples: Samples }

export type EngineReady = { url: string }
