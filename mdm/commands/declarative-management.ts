import { utf8 } from '../bytes.ts'
import type { SyncTokens } from '../ddm/tokens.ts'
import { plistDict } from '../plist/value.ts'
import type { Command } from '../ports.ts'

/**
 * Apple: DeclarativeManagement. The first one switches declarative management on; each later one says that the tokens changed.
 * https://developer.apple.com/documentation/devicemanagement/declarativemanagementcommand
 */
export function declarativeManagement(tokens: SyncTokens): Command {
  return { requestType: 'DeclarativeManagement', payload: plistDict({ Data: utf8(JSON.stringify(tokens)) }) }
}
