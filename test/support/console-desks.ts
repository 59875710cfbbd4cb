import { createAdeClient } from '../../mdm/ade/client.ts'
import { createProfileSigner } from '../../mdm/issuer.ts'
import { createAlerts } from '../../server/alerts/alerts.ts'
import { createAppleBusiness } from '../../server/apple-business/create-apple-business.ts'
import type { AppleBusiness } from '../../server/apple-business/views.ts'
import { systemClock as clock } from '../../server/clock.ts'
import { defaultPolicy } from '../../server/policy/default-policy.ts'
import { createReleases } from '../../server/releases/create-releases.ts'
import type { Releases } from '../../server/releases/views.ts'
import { createSecretBox } from '../../server/secrets.ts'
import { createSetup } from '../../server/setup/create-setup.ts'
import { createEcho } from '../../server/setup/echo.ts'
import { createEgress } from '../../server/setup/egress.ts'
import type { SetupDesk } from '../../server/setup/views.ts'
import type { Store } from '../../server/store/client.ts'
import { pushDeskIn } from './push-desk.ts'

/** Apple Business, agent releases and the set-up for real, where Apple cannot be reached, nobody is connected and there is no MDM. */
export function desksWithoutMacs(store: Store): { appleBusiness: AppleBusiness; releases: Releases; setup: SetupDesk } {
  const nothing = () => Promise.reject(new Error('there is no MDM here'))
  const policy = defaultPolicy({ mode: 'evaluation', agentVersion: '0.0.0' })
  const secrets = createSecretBox('a secret of this test alone, long enough')
  const installation = { store, secrets, clock, organization: 'Example', publicUrl: 'http://localhost:3200' }
  const appleBusiness = createAppleBusiness({
    ...installation,
    trustAnchors: async () => [],
    connect: async (token) => createAdeClient({ url: 'http://127.0.0.1:1', token, clock, nonce: () => 'n', userAgent: 'test' }),
  })
  return {
    appleBusiness,
    releases: createReleases({
      ...{ store, clock, policy: () => policy, sessions: { list: () => [] }, alerts: createAlerts({ store, clock }) },
      mdm: () => ({ enqueue: nothing }),
    }),
    setup: createSetup({
      ...{ ...installation, mode: 'evaluation', appleBusiness, push: pushDeskIn(store), policy: () => policy, invite: nothing },
      ...{ echo: createEcho(clock), hosts: [], egress: createEgress({ clock, hosts: [] }) },
      secret: { source: 'generated', previous: 0 },
      ownSigner: async () => createProfileSigner({ organization: 'Example', now: clock.now() }),
    }),
  }
}
