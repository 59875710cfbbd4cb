import { Policy } from '../attestation/policy.ts'

/** The policy that an installation begins with: everything demanded that can be, and this appliance's own agent as the one release. */
export function defaultPolicy(options: { mode: 'evaluation' | 'production'; agentVersion: string }): Policy {
  return Policy.parse({
    version: 1,
    allowEvaluation: options.mode === 'evaluation',
    releases: [{ agentVersion: options.agentVersion }],
  })
}
