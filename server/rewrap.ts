import { rewrapAppleBusinessLinks } from './apple-business/tokens.ts'
import { rewrapSecondFactors } from './auth/second-factor.ts'
import { rewrapLockPins } from './fleet/mac-actions.ts'
import type { SecretBox } from './secrets.ts'
import { rewrapBootstrapTokens } from './store/bootstrap-tokens.ts'
import type { Store } from './store/client.ts'
import { rewrapCommands } from './store/mdm-commands.ts'

/** After ESPALIER_SECRET was changed: everything that lies sealed is brought under the new one, so that the old one can go. */
export async function rewrapEverything(store: Store, secrets: SecretBox): Promise<void> {
  await rewrapSecondFactors({ store, secrets })
  await rewrapBootstrapTokens(store, secrets)
  await rewrapCommands(store, secrets)
  await rewrapLockPins({ store, secrets })
  await rewrapAppleBusinessLinks({ store, secrets })
}
