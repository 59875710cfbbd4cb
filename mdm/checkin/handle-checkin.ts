import { authenticate } from '../authenticate.ts'
import { stringAt } from '../plist/value.ts'
import type { RawReply, RawRequest } from '../ports.ts'
import { emptyReply, refusal } from '../refusal.ts'
import { checkOut } from './check-out.ts'
import type { CheckinContext, CheckinHandler } from './context.ts'
import { declarativeManagement } from './declarative-management.ts'
import { deviceAuthenticate } from './device-authenticate.ts'
import { getBootstrapToken } from './get-bootstrap-token.ts'
import { getToken } from './get-token.ts'
import { returnToService } from './return-to-service.ts'
import { setBootstrapToken } from './set-bootstrap-token.ts'
import { tokenUpdate } from './token-update.ts'
import { userAuthenticate } from './user-authenticate.ts'
import { isOfUser } from './user-channel.ts'

/** Apple: Check-in, by MessageType. https://developer.apple.com/documentation/devicemanagement/check-in */
const HANDLERS: ReadonlyMap<string, CheckinHandler> = new Map([
  ['Authenticate', deviceAuthenticate],
  ['TokenUpdate', tokenUpdate],
  ['CheckOut', checkOut],
  ['UserAuthenticate', userAuthenticate],
  ['SetBootstrapToken', setBootstrapToken],
  ['GetBootstrapToken', getBootstrapToken],
  ['DeclarativeManagement', declarativeManagement],
  ['GetToken', getToken],
  ['ReturnToService', returnToService],
])

/** What a Mac sends about its users, whether asked or not; nothing of it is kept. */
const PASSED_OVER_OF_USERS: ReadonlySet<string> = new Set(['TokenUpdate', 'CheckOut'])

export async function handleCheckin(context: CheckinContext, request: RawRequest): Promise<RawReply> {
  const authenticated = await authenticate(context.deps, request)
  if (!authenticated.ok) return authenticated.reply
  const { enrollment, message } = authenticated.value
  const type = stringAt(message, 'MessageType') ?? ''
  const handler = HANDLERS.get(type)
  if (handler === undefined) return refusal(400, 'MESSAGE_TYPE_UNKNOWN')
  // Until Authenticate, an issued certificate is good for Authenticate alone.
  if (enrollment.state === 'acme_attested' && handler !== deviceAuthenticate) return refusal(401, 'NOT_AUTHENTICATED')
  if (isOfUser(message) && handler !== userAuthenticate) {
    return PASSED_OVER_OF_USERS.has(type) ? emptyReply() : refusal(404, 'USERS_NOT_MANAGED')
  }
  return handler(context, authenticated.value)
}
