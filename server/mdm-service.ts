import { randomBytes } from 'node:crypto'
import { createMdm } from '../mdm/create-mdm.ts'
import type { Mdm, MdmDeps, MdmEvents, Push } from '../mdm/ports.ts'
import { createApnsSender } from '../mdm/push/apns.ts'
import { topicOf } from '../mdm/push/topic.ts'
import type { Clock } from './clock.ts'
import type { Env } from './env.ts'
import type { InstallationKeys } from './installation-keys.ts'
import type { Log } from './log.ts'
import type { SecretBox } from './secrets.ts'
import { acmeIn } from './store/acme.ts'
import type { Store } from './store/client.ts'
import { enrollmentsIn } from './store/enrollments.ts'
import { mdmCommandsIn } from './store/mdm-commands.ts'
import type { StoredPush } from './stored-push.ts'
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
  events: MdmEvents
  organization: string
  log: Log
}

/** The MDM library joined to this appliance: its tables, its keys, its push certificate, its judge of attestations. */
export function createMdmService(deps: MdmServiceDeps): Mdm {
  const { env, store, clock, keys, trust } = deps
  const push = choosePush(trust, deps.storedPush)
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
    commands: mdmCommandsIn(store, deps.secrets),
    acme: acmeIn(store),
    verifyAttestation: acmeVerifier({ store, clock, anchors: trust.anchors, allowEvaluation: env.mode === 'evaluation' }),
    events: deps.events,
    log: deps.log,
  })
  return {
    ...mdm,
    // A profile without a topic would have to be replaced by hand on every Mac.
    invite: async (invitation) => {
      await push.requireReady()
      return mdm.invite(invitation)
    },
  }
}

type ChosenPush = Pick<MdmDeps, 'topic'> & { sender: Push; requireReady(): Promise<void> }

/** In evaluation the software Apple's push service and certificate; in production Apple's, with whatever certificate is installed. */
function choosePush({ apple }: TrustDomain, stored: StoredPush): ChosenPush {
  if (apple === undefined) return { ...stored, topic: async () => (await stored.current())?.topic }
  const { certificatePem, keyPem } = apple.push
  const topic = topicOf(certificatePem)
  if (topic === undefined) throw new TypeError('the software Apple’s push certificate names no topic')
  const sender = createApnsSender(async () => {
    const { url, caPem } = await apple.pushEndpoint()
    return { url, ca: caPem, certificate: certificatePem, key: keyPem }
  })
  return { topic: () => topic, sender, requireReady: async () => undefined }
}
