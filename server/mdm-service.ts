import { randomBytes } from 'node:crypto'
import { createMdm } from '../mdm/create-mdm.ts'
import type { Mdm, MdmEvents, Push } from '../mdm/ports.ts'
import { createApnsSender } from '../mdm/push/apns.ts'
import { topicOf } from '../mdm/push/topic.ts'
import type { Clock } from './clock.ts'
import type { Env } from './env.ts'
import { AppError } from './errors.ts'
import type { InstallationKeys } from './installation-keys.ts'
import type { Log } from './log.ts'
import { acmeIn } from './store/acme.ts'
import type { Store } from './store/client.ts'
import { enrollmentsIn } from './store/enrollments.ts'
import { mdmCommandsIn } from './store/mdm-commands.ts'
import type { TrustDomain } from './trust-domain.ts'
import { acmeVerifier } from './verify-acme.ts'

export type MdmServiceDeps = {
  env: Env
  store: Store
  clock: Clock
  keys: InstallationKeys
  trust: TrustDomain
  events: MdmEvents
  organization: string
  log: Log
}

/** The MDM library joined to this appliance: its tables, its keys, its push certificate, its judge of attestations. */
export function createMdmService(deps: MdmServiceDeps): Mdm {
  const { env, store, clock, keys, trust } = deps
  const push = choosePush(trust)
  const mdm = createMdm({
    publicUrl: env.publicUrl,
    organization: deps.organization,
    clock,
    random: randomBytes,
    ca: keys.deviceCa,
    profileSigner: keys.profileSigner,
    topic: push.topic,
    push: push.sender,
    enrollments: enrollmentsIn(store),
    commands: mdmCommandsIn(store),
    acme: acmeIn(store),
    verifyAttestation: acmeVerifier({ store, clock, anchors: trust.anchors, allowEvaluation: env.mode === 'evaluation' }),
    events: deps.events,
    log: deps.log,
  })
  return push.isReady ? mdm : { ...mdm, invite: refuseWithoutPush }
}

type ChosenPush = { isReady: boolean; topic: string; sender: Push }

/** In evaluation the software Apple's push service and certificate. Production has none until its certificate is installed. */
function choosePush({ apple }: TrustDomain): ChosenPush {
  if (apple === undefined) return { isReady: false, topic: 'com.apple.mgmt.none', sender: { send: async () => NOT_INSTALLED } }
  const { certificatePem, keyPem } = apple.push
  const topic = topicOf(certificatePem)
  if (topic === undefined) throw new TypeError('the software Apple’s push certificate names no topic')
  const sender = createApnsSender(async () => {
    const { url, caPem } = await apple.pushEndpoint()
    return { url, ca: caPem, certificate: certificatePem, key: keyPem }
  })
  return { isReady: true, topic, sender }
}

const NOT_INSTALLED = { status: 'refused', httpStatus: 0, reason: 'no push certificate is installed' } as const

/** A profile without a topic would have to be replaced by hand on every Mac. */
async function refuseWithoutPush(): Promise<never> {
  throw new AppError('conflict', { public: 'No Apple push certificate is installed yet, so no Mac can be invited.' })
}
