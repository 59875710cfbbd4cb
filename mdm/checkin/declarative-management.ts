import { utf8 } from '../bytes.ts'
import { kindOf, serverToken } from '../ddm/declaration.ts'
import { type Endpoint, parseEndpoint } from '../ddm/endpoint.ts'
import { parseStatusReport } from '../ddm/status-report.ts'
import { declarationItems, syncTokens } from '../ddm/tokens.ts'
import { dataAt, stringAt } from '../plist/value.ts'
import type { DeclarationSet, RawReply } from '../ports.ts'
import { emptyReply, refusal } from '../refusal.ts'
import type { CheckinContext, CheckinHandler } from './context.ts'

/**
 * Apple: DeclarativeManagement. The Mac asks which declarations it is to have and fetches what changed; it reports its status. All of
 * it is this enrollment's own. https://developer.apple.com/documentation/devicemanagement/declarativemanagementrequest
 */
export const declarativeManagement: CheckinHandler = async (context, authentic) => {
  const { deps } = context
  const { enrollment, message, now } = authentic
  const endpoint = parseEndpoint(stringAt(message, 'Endpoint') ?? '')
  if (endpoint === undefined) return refusal(400, 'ENDPOINT_UNKNOWN')
  const set = await deps.declarations.find(enrollment.id, now)
  if (set === undefined) return refusal(404, 'DECLARATIONS_NOT_OFFERED')
  if (endpoint.name === 'status') return takeStatus(context, authentic)
  if (endpoint.name === 'declaration-items') await deps.declarations.fetched(enrollment.id, set.token, now)
  return answer(endpoint, set)
}

function answer(endpoint: Exclude<Endpoint, { name: 'status' }>, set: DeclarationSet): RawReply {
  switch (endpoint.name) {
    case 'tokens':
      return json(syncTokens(set))
    case 'declaration-items':
      return json(declarationItems(set.declarations, set.token))
    case 'declaration': {
      const found = set.declarations.find((one) => one.identifier === endpoint.identifier && kindOf(one) === endpoint.kind)
      // Apple: 404, and the Mac fetches the list again.
      if (found === undefined) return refusal(404, 'DECLARATION_UNKNOWN')
      return json({ Identifier: found.identifier, Type: found.type, ServerToken: serverToken(found), Payload: found.payload })
    }
    default:
      return endpoint satisfies never
  }
}

const takeStatus: (...args: Parameters<CheckinHandler>) => Promise<RawReply> = async ({ deps }: CheckinContext, authentic) => {
  const { enrollment, message, now } = authentic
  const raw = dataAt(message, 'Data')
  if (raw === undefined) return refusal(400, 'STATUS_MISSING')
  const parsed = parseStatusReport(raw)
  if (!parsed.ok) {
    deps.log?.warn({ enrollmentId: enrollment.id, fault: parsed.fault }, 'a declarative status report was refused')
    return refusal(400, `STATUS_${parsed.fault}`)
  }
  const { id: enrollmentId, macId, serial } = enrollment
  await deps.events.onDeclarativeStatus({ enrollmentId, macId, serial, report: parsed.report, raw, at: now })
  return emptyReply()
}

const json = (value: unknown): RawReply => ({
  status: 200,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: utf8(JSON.stringify(value)),
})
