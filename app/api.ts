import { createTRPCClient, httpBatchLink, TRPCClientError } from '@trpc/client'
import type { inferRouterOutputs } from '@trpc/server'
import type { AppRouter } from '../server/trpc/root.ts'
import { stepUpLink } from './step-up/step-up-link.ts'

export const api = createTRPCClient<AppRouter>({ links: [stepUpLink, httpBatchLink({ url: '/trpc', maxItems: 10 })] })

export type Answers = inferRouterOutputs<AppRouter>
export type Session = Answers['session']['getSession']
export type Overview = Answers['fleet']['getOverview']
export type MacRow = Answers['macs']['listMacs']['rows'][number]
export type Mac = Answers['macs']['getMac']
export type Check = NonNullable<Mac['verdict']>['checks'][number]
export type MacEvent = Answers['macs']['listMacEvents']['events'][number]
export type Evidence = Answers['macs']['getEvidence']
export type ApiKey = Answers['apiKeys']['listApiKeys']['rows'][number]

export type Person = Answers['people']['listPeople']['rows'][number]
export type OfferedLink = Answers['people']['invitePerson']
export type Role = Session['user']['role']

export type PolicyInForce = Answers['policies']['getPolicy']
export type PolicyDraft = PolicyInForce['draft']
export type WaiverView = PolicyInForce['waivers'][number]
export type PolicyVersion = Answers['policies']['listPolicyVersions']['versions'][number]
export type PolicyVersionDetail = Answers['policies']['getPolicyVersion']
export type PolicyPreview = Answers['policies']['getPolicyPreview']
export type PolicyChange = PolicyPreview['changes'][number]
export type PolicyImpact = NonNullable<PolicyPreview['impact']>
export type PastVerdict = Answers['macs']['listVerdicts']['verdicts'][number]

export type Failure = { code: string; message: string }

/** What went wrong, in the server's own words where it answered at all. */
export function failureOf(error: unknown): Failure {
  if (error instanceof TRPCClientError && error.data?.code) return { code: error.data.code, message: error.message }
  return { code: 'unreachable', message: 'The appliance did not answer. Check that it runs and that you are on its network.' }
}
