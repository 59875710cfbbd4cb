import { availableParallelism } from 'node:os'
import { getLlama, type Llama, LlamaLogLevel } from 'node-llama-cpp'
import type { ModelState } from '#protocol/frames'
import type { EngineEvent, EngineRequest, Usage } from '#protocol/inference'
import { AgentError } from '../errors.ts'
import { digestFile } from '../models/digest.ts'
import { findGguf } from '../models/find-gguf.ts'
import { type Engine, EngineError, type EngineRun, type EngineStats, type ModelSource } from './engine.ts'
import { type LoadedLlama, prepareModel } from './llama-model.ts'
import { runLlama } from './llama-run.ts'

export type LlamaOptions = {
  slots: number
  /** Longest context for each slot; a model trained on less gets less. */
  contextTokens: number
  /** Absent: all physical cores but one, and one on small machines. */
  threads?: number
}

type Entry = { state: ModelState; loaded?: LoadedLlama; digest?: string }

/** llama.cpp in this process: Metal on a Mac, the CPU elsewhere. Uses the prebuilt binary only; never builds, never downloads. */
export async function createLlamaEngine(options: LlamaOptions): Promise<Engine> {
  const threads = options.threads ?? defaultThreads()
  const llama = await startLlama(threads)
  const entries = new Map<string, Entry>()
  const closing = new AbortController()
  const running = new Set<Promise<void>>()
  let finishedTokens = 0
  const active = new Set<Usage>()

  async function load(source: ModelSource): Promise<void> {
    if (closing.signal.aborted || entries.get(source.name)?.state.state === 'ready') return
    const entry: Entry = { state: { name: source.name, state: 'loading', progress: 0 } }
    entries.set(source.name, entry)
    try {
      Object.assign(entry, await loadModel(llama, source, { ...options, threads }, entry, closing.signal))
      entry.state = { name: source.name, state: 'ready', contextTokens: entry.loaded?.contextTokens ?? 0 }
    } catch (error) {
      entry.state = { name: source.name, state: 'failed', error: error instanceof Error ? error.message.slice(0, 500) : 'unknown' }
    }
  }

  async function* generate(request: EngineRequest, signal: AbortSignal, usage: Usage): AsyncGenerator<EngineEvent> {
    const loaded = entries.get(request.model)?.loaded
    if (loaded === undefined) throw new EngineError('model_not_loaded')
    const { promise, resolve } = Promise.withResolvers<void>()
    running.add(promise)
    active.add(usage)
    try {
      yield* runLlama(loaded, request, AbortSignal.any([signal, closing.signal]), usage)
    } catch (cause) {
      throw cause instanceof EngineError ? cause : new EngineError('engine_failed', { cause })
    } finally {
      finishedTokens += usage.completionTokens
      active.delete(usage)
      running.delete(promise)
      resolve()
    }
  }

  function stats(): EngineStats {
    const tokensGenerated = [...active].reduce((total, usage) => total + usage.completionTokens, finishedTokens)
    return { activeSequences: active.size, tokensGenerated }
  }

  return {
    name: 'llama',
    slots: options.slots,
    load,
    models: () => [...entries.values()].map((entry) => entry.state),
    digests: () => Object.fromEntries([...entries].flatMap(([name, { digest }]) => (digest === undefined ? [] : [[name, digest]]))),
    generate(request, signal): EngineRun {
      const usage: Usage = { promptTokens: 0, completionTokens: 0 }
      return { [Symbol.asyncIterator]: () => generate(request, signal, usage), usage: () => ({ ...usage }) }
    },
    stats,
    async close() {
      closing.abort()
      await Promise.race([Promise.all(running), new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref())])
      for (const { loaded } of entries.values()) await loaded?.dispose()
      entries.clear()
      await llama.dispose()
    },
  }
}

/** A reader that has stopped reading holds its run; closing does not wait for it for ever. */
const CLOSE_TIMEOUT_MS = 2000

async function loadModel(
  llama: Llama,
  source: ModelSource,
  options: { slots: number; contextTokens: number; threads: number },
  entry: Entry,
  signal: AbortSignal,
): Promise<{ loaded: LoadedLlama; digest: string }> {
  const modelPath = await findGguf(source.directory)
  const digest = await digestFile(modelPath)
  const model = await llama.loadModel({
    modelPath,
    loadSignal: signal,
    onLoadProgress: (progress) => {
      entry.state = { name: source.name, state: 'loading', progress }
    },
  })
  return { loaded: await prepareModel(model, options), digest }
}

async function startLlama(threads: number): Promise<Llama> {
  try {
    return await getLlama({
      build: 'never',
      skipDownload: true,
      progressLogs: false,
      gpu: process.platform === 'darwin' ? 'auto' : false,
      maxThreads: threads,
      // llama.cpp's own words may quote a prompt; only that something failed is of interest, and that is thrown.
      logLevel: LlamaLogLevel.disabled,
    })
  } catch (cause) {
    throw new AgentError('engine_unavailable', 'llama.cpp has no binary for this machine', { cause })
  }
}

/** More threads than cores collapse llama.cpp's spinning barriers (1 token a second instead of 160, measured on two cores). */
function defaultThreads(): number {
  const cores = availableParallelism()
  return cores <= 2 ? 1 : cores - 1
}
