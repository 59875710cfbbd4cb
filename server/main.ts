import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { Registry as Metrics } from 'prom-client'
import type { Mdm } from '../mdm/ports.ts'
import { createApiKeyCache } from './auth/api-key-cache.ts'
import { type ApiKeyPrincipal, authenticateApiKey, requireScope } from './auth/api-keys.ts'
import { createSignInLimits } from './auth/sign-in.ts'
import { systemClock } from './clock.ts'
import { lockDataDirectory } from './data-lock.ts'
import { type Database, openDatabase } from './database.ts'
import type { Env } from './env.ts'
import { startSoftwareFleet } from './evaluation.ts'
import { ensureFirstOwner, type FirstOwner } from './first-owner.ts'
import { readFleetAttestation } from './fleet/attestation-feed.ts'
import { createFleet } from './fleet/create-fleet.ts'
import { inviteMac } from './fleet/inventory.ts'
import { defaultPolicy } from './fleet/policy.ts'
import { type GatewayEvent, logGatewayEvent } from './gateway/events.ts'
import { createRegistry } from './gateway/registry.ts'
import { attachAgentSockets } from './gateway/upgrade.ts'
import { closeHttpServer, createHttpServer, listen } from './http/server.ts'
import { createInference } from './inference/handle.ts'
import { loadInstallationKeys } from './installation-keys.ts'
import { startJobs } from './jobs.ts'
import { createLog, type Log } from './log.ts'
import { createMdmService } from './mdm-service.ts'
import { watchPushExpiry } from './push-expiry.ts'
import { createQueue } from './scheduler/queue.ts'
import { createSecretBox, readOrMakeSecret } from './secrets.ts'
import { type StopStep, stopInOrder } from './shutdown.ts'
import { createStore } from './store/client.ts'
import { createStoredPush } from './stored-push.ts'
import { chooseTrustDomain } from './trust-domain.ts'
import { createAddressOf, trustedProxies } from './trusted-proxies.ts'
import { openJournal } from './usage/journal.ts'
import { createMeter } from './usage/meter.ts'
import { createInferenceMetrics } from './usage/metrics.ts'
import { VERSION } from './version.ts'

export type Ready = { url: string; mode: Env['mode'] } & FirstOwner

export type ServeOptions = {
  /** Next's development server instead of the built console. */
  dev: boolean
  /** Called once requests are accepted. */
  onReady(summary: Ready): void
}

/**
 * The appliance: environment, database, services, HTTP, listen, stop. Runs until `signal` aborts or the database is lost for good;
 * resolves when everything has stopped in order, and rejects when it could not start.
 */
export async function serve(env: Env, options: ServeOptions, signal: AbortSignal): Promise<void> {
  const log = createLog(env.logLevel)
  const lock = lockDataDirectory(env.dataDir)
  // Filled as things start, run from the last to the first: the database ends after everything that uses it.
  const stop: StopStep[] = [{ name: 'data directory', deadlineMs: 1_000, stop: () => lock.release() }]
  try {
    const database = await openDatabase(env, log)
    stop.unshift({ name: 'database', deadlineMs: 30_000, stop: () => database.close() })
    await start({ env, log, database, stop, options })
    await Promise.race([aborted(signal), database.lost.then((error) => Promise.reject(error))])
    log.info('stopping')
  } finally {
    await stopInOrder(stop, log)
  }
}

type Start = { env: Env; log: Log; database: Database; stop: StopStep[]; options: ServeOptions }

async function start({ env, log, database, stop, options }: Start): Promise<void> {
  const clock = systemClock
  const { store, close } = createStore(database.url, { onConnectionLost: (err) => log.warn({ err }, 'a database connection broke') })
  stop.unshift({ name: 'database connections', deadlineMs: 5_000, stop: close })

  const secrets = createSecretBox(env.secret ?? readOrMakeSecret(env.dataDir), env.previousSecrets)
  const keys = await loadInstallationKeys({ store, secrets, clock, organization: ORGANIZATION })
  const trust = await chooseTrustDomain(env)
  const owner = await ensureFirstOwner({ store, clock }, { dataDir: env.dataDir, url: env.publicUrl, mode: env.mode })
  await publish(env, { logKeyPem: keys.logKeyPublicPem, evaluationRootPem: trust.evaluationRootPem })

  const policy = defaultPolicy({ mode: env.mode, agentVersion: VERSION })
  const onEvent = (event: GatewayEvent): void => logGatewayEvent(log, event)
  const registry = createRegistry({ clock, random: randomBytes, onEvent })
  const fleet = createFleet({
    ...{ store, secrets, clock, random: randomBytes, sessions: registry },
    anchors: trust.anchors,
    policy: () => policy,
    mdm: () => mdm,
  })
  const metrics = new Metrics()
  const storedPush = createStoredPush({ store, secrets, clock })
  if (env.mode === 'production') await watchPushExpiry({ push: storedPush, metrics, clock, log })
  const mdm: Mdm = createMdmService({
    ...{ env, store, secrets, clock, keys, trust, storedPush, log },
    events: fleet.mdmEvents,
    organization: ORGANIZATION,
  })

  const journal = await openJournal(join(env.dataDir, 'usage.journal'))
  const meter = createMeter({ store, journal, clock, log })
  stop.unshift({ name: 'usage records', deadlineMs: 10_000, stop: () => meter.close(AbortSignal.timeout(5_000)) })
  const queue = createQueue({ fleet: registry, clock, random: Math.random })
  const inferenceMetrics = createInferenceMetrics(metrics, () => queue.length())
  const inference = createInference({ fleet: registry, queue, meter, clock, metrics: inferenceMetrics })

  const apiKeys = { store, clock, cache: createApiKeyCache() }
  const authenticate = (header: string | undefined): Promise<ApiKeyPrincipal> => authenticateApiKey(apiKeys, header)
  const isTrustedProxy = trustedProxies(env.trustedProxies)
  const { app, isStopping } = await createHttpServer({
    env,
    log,
    dev: options.dev,
    isTrustedProxy,
    mdm,
    invitations: { authenticate, invite: (invitation) => inviteMac({ store, clock, mdm }, invitation) },
    openAi: {
      ...{ inference, fleet: registry, clock, log, authenticate },
      fleetAttestation: async (principal) => {
        requireScope(principal, 'fleet:read')
        return readFleetAttestation({ store, clock }, { mayReadEvidence: principal.scopes.has('evidence:read') })
      },
    },
    console: {
      ...apiKeys,
      ...{ mode: env.mode, publicUrl: new URL(env.publicUrl), fleet: fleet.reader, secret: keys.sessionSecret, log },
      limits: createSignInLimits(),
    },
    health: { store, metrics, metricsToken: env.metricsToken, authenticate },
  })
  stop.unshift({ name: 'HTTP', deadlineMs: 5_000, stop: () => closeHttpServer(app) })
  // In development Next's own listener takes the socket of hot reload.
  const fallback = options.dev ? { fallback: () => undefined } : {}
  const addressOf = createAddressOf(isTrustedProxy)
  attachAgentSockets(app.server as Server, { registry, desk: fleet.desk, addressOf, onEvent, ...fallback })

  await fleet.judgeTrustedAgain()
  const jobs = await startJobs({ databaseUrl: database.url, log, refresh: fleet.refresh })
  stop.unshift({ name: 'jobs', deadlineMs: 10_000, stop: () => jobs.close() })
  await listen(app, env)
  stop.unshift(
    { name: 'new work', deadlineMs: 1_000, stop: isStopping },
    { name: 'running requests', deadlineMs: 30_000, stop: () => inference.close(AbortSignal.timeout(DRAIN_MS)) },
    { name: 'waiting requests', deadlineMs: 1_000, stop: () => queue.close() },
    { name: 'agents', deadlineMs: 10_000, stop: () => registry.drainAll('the appliance stops', AbortSignal.timeout(5_000)) },
  )
  if (owner.credentials !== undefined) startEvaluationFleet({ env, log, stop, apiKey: owner.credentials.apiKey })
  options.onReady({ url: env.publicUrl, mode: env.mode, ...owner })
}

const ORGANIZATION = 'Espalier'
/** How long running requests may take to finish once the appliance is told to stop. */
const DRAIN_MS = 15_000

function startEvaluationFleet({ env, log, stop, apiKey }: Pick<Start, 'env' | 'log' | 'stop'> & { apiKey: string }): void {
  if (env.softwareMacs === 0) return
  const options = { url: env.publicUrl, token: apiKey, macs: env.softwareMacs, engine: env.softwareEngine, dataDir: env.dataDir, log }
  const fleet = startSoftwareFleet(options)
  // After the agents were told, so that they have drained already.
  const afterAgents = stop.findIndex((step) => step.name === 'agents') + 1
  stop.splice(afterAgents, 0, { name: 'software Macs', deadlineMs: 20_000, stop: () => fleet.stop() })
}

/** The public halves that auditors and tools take as anchors. */
async function publish(env: Env, anchors: { logKeyPem: string; evaluationRootPem: string | undefined }): Promise<void> {
  await writeFile(join(env.dataDir, 'log-key.pub'), anchors.logKeyPem)
  if (anchors.evaluationRootPem !== undefined) await writeFile(join(env.dataDir, 'evaluation-root.pem'), anchors.evaluationRootPem)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
