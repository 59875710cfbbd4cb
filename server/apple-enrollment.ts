import { randomBytes, X509Certificate } from 'node:crypto'
import { APPLE_DEVICE_CA } from '../mdm/ade/apple-device-ca.ts'
import { type AdeClient, createAdeClient } from '../mdm/ade/client.ts'
import type { ServerToken } from '../mdm/ade/server-token.ts'
import type { AutomatedEnrollment, Mdm } from '../mdm/ports.ts'
import { admitMachine } from './apple-business/admit.ts'
import type { Clock } from './clock.ts'
import type { Store } from './store/client.ts'
import type { TrustDomain } from './trust-domain.ts'
import { VERSION } from './version.ts'

/** Speaks to Apple's enrollment service; in evaluation to the software Apple's, wherever that listens now. */
export function connectToAppleEnrollment({
  trust,
  clock,
}: {
  trust: TrustDomain
  clock: Clock
}): (token: ServerToken) => Promise<AdeClient> {
  return async (token) =>
    createAdeClient({
      ...(trust.apple === undefined ? {} : { url: await trust.apple.enrollmentUrl() }),
      token,
      clock,
      nonce: () => randomBytes(16).toString('hex'),
      userAgent: `Espalier/${VERSION}`,
    })
}

/** Which Macs in Setup Assistant are let in: devices of Apple's (in evaluation of the software Apple's) that are assigned to us. */
export function automatedEnrollment(deps: {
  trust: TrustDomain
  store: Store
  clock: Clock
  mdm: () => Pick<Mdm, 'invite'>
}): AutomatedEnrollment {
  const { trust, store, clock } = deps
  return {
    anchors: [trust.apple === undefined ? APPLE_DEVICE_CA : new X509Certificate(trust.apple.deviceCaPem)],
    admit: (machine) => admitMachine({ store, clock, mdm: { invite: (invitation) => deps.mdm().invite(invitation) } }, machine),
  }
}
