import { randomBytes } from 'node:crypto'
import { createMdm } from '../mdm/create-mdm.ts'
import type { Declarations, DeliveryResult, Mdm, MdmDeps, MdmEvents, Push } from '../mdm/ports.ts'
import { createApnsSender } from '../mdm/push/apns.ts'
import { topicOf } from '../mdm/push/topic.ts'
import { deliver } from '../mdm/push/wake.ts'
import type { Clock } from './clock.ts'
import type { Env } from './env.ts'
import type { InstallationKeys } from './installation-keys.ts'
import type { Log } from './log.ts'
import type { StoredPush } from './push/stored-push.ts'
import { createWakeQueue, type WakeQueue } from './push/wake-queue.ts'
import type { SecretBox } from './secrets.ts'
import { acmeIn } from './store/acme.ts'
import { bootstrapTokensIn } from './store/bootstrap-tokens.ts'
import type { Store } from './store/client.ts'
import { enrollmentsIn } from './store/enrollments.ts'
import { mdmCommandsIn } from './store/mdm-commands.ts'
import type { TrustDomain } from './trust-domain.ts'
import { acmeVerifier } from './verify-acme.ts'

export type MdmServiceDeps = {
  env: Env
  store: Store
  secrets: SecretBox
  clock: Clock
  keys: InstallationKeys
  trust: TrustDomain
  /** Used in production alone. */
  storedPush: StoredPush
  declarations: Declarations
  automated: NonNullable<MdmDeps['automated']>
  events: MdmEvents
  organization: string
  /** The company's own certificate for profiles, and its own authorities; each is looked for with every profile. */
  companySigner: NonNullable<MdmDeps['companySigner']>
  trustAnchors: NonNullable<MdmDeps['trustAnchors']>
  /** Told of every push. */
  onPush(result: DeliveryResult['status']): void
  log: Log
}

export type MdmService = { mdm: Mdm; wakes: WakeQueue }

/** A Mac that did not come after a push is not pushed again before this. */
const PUSH_WINDOW_MS = 60_000

/** The MDM library joined to this appliance: its tables, its keys, its push certificate, its judge of attestations. */
export function createMdmService(deps: MdmServiceDeps): MdmService {
  const { env, store, clock, keys, trust } = deps
  const push = choosePush(trust, deps.storedPush, env.push.concurrency)
  const enrollments = enrollmentsIn(store)
  const wakes = createWakeQueue({
    ...{ store, clock, log: deps.log, onPush: deps.onPush },
    limits: { ...env.push, windowMs: PUSH_WINDOW_MS },
    deliver: (enrollmentId) => deliver({ enrollments, push: push.sender, clock, log: deps.log }, enrollmentId),
  })
  const mdm = createMdm({
    publicUrl: env.publicUrl,
    organization: deps.organization,
    clock,
    random: randomBytes,
    ca: keys.deviceCa,
    profileSigner: keys.profileSigner,
    companySigner: deps.companySigner,
    trustAnchors: deps.trustAnchors,
    scep: keys.scep,
    topic: push.topic,
    push: push.sender,
    wakes,
    enrollments,
    commands: mdmCommandsIn(store, deps.secrets),
    bootstrapTokens: bootstrapTokensIn(store, deps.secrets),
    declarations: deps.declarations,
    acme: acmeIn(store),
    verifyAttestation: acmeVerifier({ store, clock, anchors: trust.anchors, allowEvaluation: env.mode === 'evaluation' }),
    automated: deps.automated,
    events: deps.events,
    log: deps.log,
  })
  // A profile without a topic would have to be replaced by hand on every Mac.
  const invite: Mdm['invite'] = async (invitation) => {
    await push.requireReady()
    return mdm.invite(invitation)
  }
  return { mdm: { ...mdm, invite }, wakes }
}

type ChosenPush = Pick<MdmDeps, 'topic'> & { sender: Push; requireReady(): Promise<void> }

/** In evaluation the software Apple's push service and certificate; in production Apple's, with whatever certificate is installed. */
function choosePush({ apple }: TrustDomain, stored: StoredPush, concurrency: number): ChosenPush {
  if (apple === undefined) return { ...stored, topic: async () => (await stored.current())?.topic }
  const { certificatePem, keyPem } = apple.push
  const topic = topicOf(certificatePem)
  if (topic === undefined) throw new TypeError('the software Apple’s push certificate names no topic')
  const sender = createApnsSender(
    async () => {
      const { url, caPem } = await apple.pushEndpoint()
      return { url, ca: caPem, certificate: certificatePem, key: keyPem }
    },
    { concurrency },
  )
  return { topic: () => topic, sender, requireReady: async () => undefined }
}
