import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Ending } from './meter.ts'

/** What Prometheus is told of inference. Labels hold model names and codes only, never a key, a person or a Mac. */
export type InferenceMetrics = {
  admitted(): void
  retried(code: string): void
  firstContent(model: string, afterMs: number): void
  settled(model: string, ending: Ending): void
}

const SECONDS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120]

export function createInferenceMetrics(registry: Registry, queueLength: () => number): InferenceMetrics {
  const registers = [registry]
  const active = new Gauge({ name: 'espalier_inference_active', help: 'Requests admitted and not yet settled', registers })
  const requests = new Counter({
    name: 'espalier_inference_requests_total',
    help: 'Requests settled, by outcome and error code',
    labelNames: ['model', 'outcome', 'code'],
    registers,
  })
  const tokens = new Counter({
    name: 'espalier_inference_tokens_total',
    help: 'Tokens read and made',
    labelNames: ['model', 'kind'],
    registers,
  })
  const retries = new Counter({
    name: 'espalier_inference_retries_total',
    help: 'Requests sent to another Mac before the first content, by the failure of the Mac before',
    labelNames: ['code'],
    registers,
  })
  const firstContent = new Histogram({
    name: 'espalier_inference_first_content_seconds',
    help: 'From admission to the first content',
    labelNames: ['model'],
    buckets: SECONDS,
    registers,
  })
  new Gauge({
    name: 'espalier_inference_queue_length',
    help: 'Requests waiting for a slot',
    registers,
    collect() {
      this.set(queueLength())
    },
  })
  return {
    admitted: () => active.inc(),
    retried: (code) => retries.inc({ code }),
    firstContent: (model, afterMs) => firstContent.observe({ model }, afterMs / 1000),
    settled(model, { outcome, errorCode, usage }) {
      active.dec()
      requests.inc({ model, outcome, code: errorCode ?? '' })
      if (usage === undefined) return
      tokens.inc({ model, kind: 'prompt' }, usage.promptTokens)
      tokens.inc({ model, kind: 'completion' }, usage.completionTokens)
    },
  }
}
