import { randomBytes, X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { Registry as Metrics } from 'prom-client'
import { createAlerts } from './alerts/alerts.ts'
import { lookAround, measureAlerts, type Watcher } from './alerts/watch.ts'
import { createAppleBusiness } from './apple-business/create-apple-business.ts'
import type { AppleBusinessDeps } from './apple-business/deps.ts'
import { syncAppleBusiness } from './apple-business/sync.ts'
import { appleBusinessWatchers } from './apple-business/watch.ts'
import { automatedEnrollment, connectToAppleEnrollment } from './apple-enrollment.ts'
import { createApiKeyCache } from './auth/api-key-cache.ts'
import { type ApiKeyPrincipal, authenticateApiKey, requireScope } from './auth/api-keys.ts'
import { createSignInLimits } from './auth/sign-in-limits.ts'
import { systemClock } from './clock.ts'
import { lockDataDirectory } from './data-lock.ts'
import { type Database, openDatabase } from './database.ts'
import type { Env } from './env.ts'
import { startSoftwareFleet } from './evaluation.ts'
import { ensureFirstOwner, type FirstOwner } from './first-owner.ts'
import { readFleetAttestation } from './fleet/attestation-feed.ts'
import { createFleet } from './fleet/create-fleet.ts'
import { type DeclarationsDeps, declarationsIn, syncDeclarations } from './fleet/declarations-service.ts'
import { renewIdentities } from './fleet/identity-renewal.ts'
import { inviteMac } from './fleet/inventory.ts'
import { openRevocations } from './fleet/revocations.ts'
import { type GatewayEvent, logGatewayEvent } from './gateway/events.ts'
import { measureGateway } from './gateway/metrics.ts'
import { createPacedDesk } from './gateway/paced-desk.ts'
import { createRegistry } from './gateway/registry.ts'
import { attachAgentSockets } from './gateway/upgrade.ts'
import { closeHttpServer, createHttpServer, listen } from './http/server.ts'
import { createInference } from './inference/handle.ts'
import { loadInstallationKeys } from './installation-keys.ts'
import { startJobs } from './jobs.ts'
import { createLog, type Log } from './log.ts'
import { createMdmService, type MdmService } from './mdm-service.ts'
import { createPolicies } from './policy/policies.ts'
import { createPolicyService } from './policy/policy-service.ts'
import { policyWatchers } from './policy/watchers.ts'
import { measureProcess } from './process-metrics.ts'
import { watchPushExpiry } from './push/expiry.ts'
import { measurePushes } from './push/metrics.ts'
import { createPushDesk } from './push/push-desk.ts'
import { createStoredPush } from './push/stored-push.ts'
import { certificateWatchers, pushWatchers } from './push/watchers.ts'
import { createReleases } from './releases/create-releases.ts'
import type { ReleasesDeps } from './releases/deps.ts'
import { rollReleases } from './releases/roll.ts'
import { releaseWatchers } from './releases/watchers.ts'
import { rewrapEverything } from './rewrap.ts'
import { createQueue } from './scheduler/queue.ts'
import { createSecretBox, readOrMakeSecret } from './secrets.ts'
import { createSetup } from './setup/create-setup.ts'
import type { SetupDeps } from './setup/deps.ts'
import { createEcho } from './setup/echo.ts'
import { createEgress, outsideHosts } from './setup/egress.ts'
import { watchAddress } from './setup/gather-facts.ts'
import { findProfileSigner } from './setup/profile-signer.ts'
import { trustAnchors } from './setup/trust-anchors.ts'
import { setupWatchers } from './setup/watchers.ts'
import { type StopStep, stopInOrder } from './shutdown.ts'
import { createStore } from './store/client.ts'
import { timetable } from './timetable.ts'
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
  const keys = await loadInstallationKeys({ store, secrets, clock, organization: ORGANIZATION, offersScep: env.scep })
  await rewrapEverything(store, secrets)
  const trust = await chooseTrustDomain(env)
  const owner = await ensureFirstOwner({ store, clock }, { dataDir: env.dataDir, url: env.publicUrl, mode: env.mode })
  await publish(env, { logKeyPem: keys.logKeyPublicPem, evaluationRootPem: trust.evaluationRootPem })

  const policies = await createPolicies({ store, clock, mode: env.mode, agentVersion: VERSION, log })
  stop.unshift({ name: 'policy', deadlineMs: 1_000, stop: () => policies.close() })
  const onEvent = (event: GatewayEvent): void => logGatewayEvent(log, event)
  const revocations = await openRevocations({ store, clock, key: keys.logKey, file: join(env.dataDir, 'revocations.json'), log })
  const registry = createRegistry({ clock, random: randomBytes, revocations, onEvent })
  revocations.onChange(() => registry.revocationsChanged())
  const fleet = createFleet({
    ...{ store, secrets, clock, random: randomBytes, sessions: registry, revocations },
    ...{ reattestation: env.reattestation, keyBindingAmbition: env.keyBindingAmbition },
    anchors: trust.anchors,
    policy: policies.current,
    mdm: () => mdm,
  })
  const policy = createPolicyService({ store, clock, mode: env.mode, log, policies, appraiser: fleet.appraiser })
  stop.unshift({ name: 'judging by the policy', deadlineMs: 5_000, stop: () => policy.close() })
  const metrics = new Metrics()
  const processMetrics = measureProcess(metrics)
  stop.unshift({ name: 'measuring', deadlineMs: 1_000, stop: async () => processMetrics.close() })
  measureGateway(registry, metrics)
  const alerts = createAlerts({ store, clock })
  measureAlerts(alerts, metrics)
  /** Whatever can be wrong for long: looked at every minute, so that an alert goes away with its cause. */
  const watchers: Watcher[] = []
  const storedPush = createStoredPush({ store, secrets, clock }, { concurrency: env.push.concurrency })
  if (env.mode === 'production') {
    await watchPushExpiry({ push: storedPush, metrics, clock, log })
    watchers.push(...certificateWatchers({ store, clock, current: storedPush.current }))
  }
  const appleBusiness: AppleBusinessDeps = {
    ...{ store, secrets, clock, organization: ORGANIZATION, publicUrl: env.publicUrl },
    trustAnchors: () => trustAnchors({ store }),
    connect: connectToAppleEnrollment({ trust, clock }),
  }
  watchers.push(...appleBusinessWatchers({ store, clock }))
  watchers.push(...policyWatchers({ store, clock }), ...releaseWatchers({ store, clock }))
  const releases: ReleasesDeps = { store, clock, policy: policies.current, sessions: registry, alerts, mdm: () => mdm }
  const declared: DeclarationsDeps = { store, wanted: () => ({ agentTask: undefined }) }
  const { mdm, wakes }: MdmService = createMdmService({
    onPush: measurePushes({ store, clock, metrics }),
    ...{ env, store, secrets, clock, keys, trust, storedPush, log },
    declarations: declarationsIn(declared),
    automated: automatedEnrollment({ trust, store, clock, mdm: () => mdm }),
    events: fleet.mdmEvents,
    organization: ORGANIZATION,
    companySigner: () => findProfileSigner({ store, secrets, clock }),
    trustAnchors: () => trustAnchors({ store }),
  })
  stop.unshift({ name: 'pushes', deadlineMs: 20_000, stop: () => wakes.close() })
  watchers.push(...pushWatchers({ store, clock, weather: wakes.weather }))

  const push = createPushDesk({
    ...{ store, secrets, clock, weather: wakes.weather, mdmcertUrl: env.mdmcertUrl },
    evaluationCertificatePem: trust.apple?.push.certificatePem,
  })
  const business = createAppleBusiness(appleBusiness)
  const hosts = outsideHosts(env)
  const setup: SetupDeps = {
    ...{ store, secrets, clock, mode: env.mode, publicUrl: env.publicUrl, organization: ORGANIZATION, push, appleBusiness: business },
    ...{
      policy: policies.current,
      ownSigner: async () => keys.profileSigner,
      echo: createEcho(clock),
      hosts,
      egress: createEgress({ clock, hosts }),
    },
    secret: { source: env.secret === undefined ? 'generated' : 'environment', previous: env.previousSecrets.length },
    invite: (invitation) => inviteMac({ store, clock, mdm }, invitation),
  }
  const address = watchAddress(setup)
  watchers.push(...setupWatchers(setup, address))

  const journal = await openJournal(join(env.dataDir, 'usage.journal'))
  const meter = createMeter({ store, journal, clock, log })
  stop.unshift({ name: 'usage records', deadlineMs: 10_000, stop: () => meter.close(AbortSignal.timeout(5_000)) })
  const queue = createQueue({ fleet: registry, clock, random: Math.random })
  const inferenceMetrics = createInferenceMetrics(metrics, () => queue.length())
  const inference = createInference({ fleet: registry, queue, meter, clock, metrics: inferenceMetrics })

  const apiKeys = { store, clock, cache: createApiKeyCache(), revocations }
  revocations.onChange((change) => (change.apiKeys.length > 0 ? apiKeys.cache.forgetAll() : undefined))
  const authenticate = (header: string | undefined): Promise<ApiKeyPrincipal> => authenticateApiKey(apiKeys, header)
  const isTrustedProxy = trustedProxies(env.trustedProxies)
  const { app, isStopping } = await createHttpServer({
    env,
    log,
    dev: options.dev,
    isTrustedProxy,
    mdm,
    deviceCaPem: [keys.deviceCa, keys.scep].map((ca) => (ca === undefined ? '' : pemOf(ca.certificate))).join(''),
    invitations: { authenticate, invite: (invitation) => inviteMac({ store, clock, mdm }, invitation) },
    setupEcho: setup.echo,
    openAi: {
      ...{ inference, fleet: registry, clock, log, authenticate },
      fleetAttestation: async (principal) => {
        requireScope(principal, 'fleet:read')
        return readFleetAttestation({ store, clock, policy: policies.current }, { mayReadEvidence: principal.scopes.has('evidence:read') })
      },
    },
    console: {
      ...apiKeys,
      ...{ mode: env.mode, publicUrl: new URL(env.publicUrl), fleet: fleet.reader, policy: policy.desk, secret: keys.sessionSecret, log },
      macActions: fleet.actions,
      ...{ push, setup: createSetup(setup, address), appleBusiness: business },
      releases: createReleases(releases),
      ...{ limits: createSignInLimits(), secrets },
    },
    health: { store, metrics, metricsToken: env.metricsToken, authenticate },
  })
  stop.unshift({ name: 'HTTP', deadlineMs: 5_000, stop: () => closeHttpServer(app) })
  // In development Next's own listener takes the socket of hot reload.
  const fallback = options.dev ? { fallback: () => undefined } : {}
  const addressOf = createAddressOf(isTrustedProxy)
  attachAgentSockets(app.server as Server, { registry, desk: createPacedDesk(fleet.desk), addressOf, onEvent, ...fallback })

  const fleetBeat = fleet.keepGoing((err) => log.error({ err }, 'the fleet’s regular work failed'))
  stop.unshift({ name: 'proof of life', deadlineMs: 5_000, stop: () => fleetBeat.stop() })
  policy.begin()
  const work = timetable({
    'fleet-refresh': fleet.refresh,
    'wake-macs': wakes.round,
    policy: policy.settle,
    alerts: () => lookAround(alerts, watchers),
    'agent-releases': () => rollReleases(releases),
    declarations: () => syncDeclarations({ ...declared, clock, mdm: () => mdm }),
    'apple-business': () => syncAppleBusiness(appleBusiness),
    'identity-renewal': () => renewIdentities({ store, clock, alerts, log, mdm: () => mdm }),
  })
  const jobs = await startJobs({ databaseUrl: database.url, log, jobs: work })
  stop.unshift({ name: 'jobs', deadlineMs: 10_000, stop: () => jobs.close() })
  await listen(app, env)
  const judging = new AbortController()
  const judged = fleet.judgeTrustedAgain(judging.signal).catch((err: unknown) => log.error({ err }, 'Macs could not be judged again'))
  stop.unshift({
    ...{ name: 'judging again', deadlineMs: 5_000 },
    stop: () => {
      judging.abort()
      return judged
    },
  })
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

const pemOf = (certificate: Uint8Array): string => new X509Certificate(certificate).toString()

/** The public halves that auditors and tools take as anchors. */
async function publish(env: Env, anchors: { logKeyPem: string; evaluationRootPem: string | undefined }): Promise<void> {
  await writeFile(join(env.dataDir, 'log-key.pub'), anchors.logKeyPem)
  if (anchors.evaluationRootPem !== undefined) await writeFile(join(env.dataDir, 'evaluation-root.pem'), anchors.evaluationRootPem)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
