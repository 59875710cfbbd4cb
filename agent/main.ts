import { setTimeout as sleep } from 'node:timers/promises'
import type { Capacity } from '#protocol/frames'
import type { Engine } from './engine/engine.ts'
import { createSimEngine } from './engine/sim.ts'
import { openMacPlatform } from './identity/macos.ts'
import type { Platform } from './identity/platform.ts'
import { openSoftwarePlatform } from './identity/software.ts'
import type { LinkDeps } from './link/driver.ts'
import { createKeyRing } from './link/key-ring.ts'
import { keepConnected } from './link/reconnect.ts'
import { runSession } from './link/session.ts'
import { INITIAL_LINK_STATE, type LinkState } from './link/state.ts'
import { createLog, faultOf, type Logger } from './log.ts'
import type { AgentOptions, EngineChoice, PlatformChoice } from './options.ts'
import { openRevocations, type Revocations } from './revocations/revocations.ts'
import { createStatusFile } from './status-file.ts'
import { AGENT_VERSION } from './version.ts'

/** Small models are ready before the first challenge asks for their digests; large ones are reported as they come. */
const WAIT_FOR_MODELS_MS = 5000
/** While models load, their progress is told this often. */
const PROGRESS_INTERVAL_MS = 1000

export type RunAgentExtras = { log?: Logger } & Pick<LinkDeps, 'heartbeatMs' | 'drainDeadlineMs'>

/**
 * Runs the agent until `signal` aborts; then it drains and returns. Throws an AgentError when it cannot begin: no such Mac, no key,
 * no engine.
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal, extras: RunAgentExtras = {}): Promise<void> {
  const log = extras.log ?? createLog()
  const now = (): number => Date.now()
  const platform = await openPlatform(options.platform)
  const revocations = await openRevocations(options.stateFolder)
  const engine = await openEngine(options.engine)
  try {
    const keys = createKeyRing({ signer: platform.signer, build: `${AGENT_VERSION}+${platform.codeHash.slice(0, 12)}`, now })
    const status = openStatus(options, { platform, revocations }, log)
    const modelNews = new EventTarget()
    const loaded = loadModels(engine, options, modelNews, log)
    await Promise.race([loaded, sleep(WAIT_FOR_MODELS_MS, undefined, { signal }).catch(() => undefined)])
    status.report({ connected: false, state: INITIAL_LINK_STATE, capacity: idleCapacity(engine) })
    const session: LinkDeps = {
      ...extras,
      url: options.url,
      platform,
      engine,
      keys,
      revocations,
      log,
      now,
      modelNews,
      report: status.report,
    }
    await keepConnected(() => runSession(session, signal), signal)
    await status.flush()
  } finally {
    await engine.close()
  }
}

async function openPlatform(choice: PlatformChoice): Promise<Platform> {
  return choice.kind === 'software' ? openSoftwarePlatform(choice.folder) : openMacPlatform()
}

async function openEngine(choice: EngineChoice): Promise<Engine> {
  if (choice.kind === 'sim') return createSimEngine(choice)
  // Loaded only where it is used: the binding's binaries take a third of a second and 90 MB.
  const { createLlamaEngine } = await import('./engine/llama.ts')
  return createLlamaEngine(choice)
}

/** One after the other: loading is bound by disk and memory. */
async function loadModels(engine: Engine, options: AgentOptions, news: EventTarget, log: Logger): Promise<void> {
  const tell = (): boolean => news.dispatchEvent(new Event('change'))
  const progress = setInterval(tell, PROGRESS_INTERVAL_MS)
  for (const model of options.models) {
    await engine.load(model)
    const state = engine.models().find(({ name }) => name === model.name)
    if (state?.state === 'failed') log.error({ model: model.name, error: state.error }, 'model failed to load')
    else log.info({ model: model.name, contextTokens: state?.contextTokens }, 'model loaded')
    tell()
  }
  clearInterval(progress)
}

function openStatus(
  options: AgentOptions,
  { platform, revocations }: { platform: Platform; revocations: Revocations },
  log: Logger,
): { report: LinkDeps['report']; flush: () => Promise<void> } {
  const file = createStatusFile(options.stateFolder, (error) => log.warn(faultOf(error), 'status file not written'))
  return {
    report({ connected, state, capacity }) {
      file.update({
        pid: process.pid,
        updatedAt: new Date().toISOString(),
        version: AGENT_VERSION,
        url: options.url,
        serial: platform.serial,
        connected,
        ...(revocations.isRevoked(platform.serial) ? REVOKED : trustOf(connected ? state : INITIAL_LINK_STATE)),
        draining: state.isDraining,
        capacity,
      })
    },
    flush: file.flush,
  }
}

const trustOf = ({ mac, trust, reasons, evidenceDigest }: LinkState) => ({ mac, trust, reasons: [...reasons], evidenceDigest })

/** Whatever a coordinator may say: this Mac holds a list with its own name on it. */
const REVOKED = { mac: null, trust: 'refused' as const, reasons: ['MAC_REVOKED'], evidenceDigest: null }

const idleCapacity = (engine: Engine): Capacity => ({
  slots: engine.slots,
  active: 0,
  models: engine.models(),
  thermal: 'nominal',
  available: true,
})
