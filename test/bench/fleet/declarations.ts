import type { Device } from '../../software-mac/mac/device.ts'
import type { PlistDict } from '../../software-mac/mac/plist/write.ts'

type Item = { Identifier: string; ServerToken: string }
const KINDS = { Activations: 'activation', Assets: 'asset', Configurations: 'configuration', Management: 'management' } as const

/** Apple: tokens → declaration-items → each declaration → status; all of them valid. Returns the token that now stands. */
export async function synchronizeDeclarations(
  device: Device,
  known: string | undefined,
  ask: (message: PlistDict) => Promise<Uint8Array>,
): Promise<string> {
  const message = (Endpoint: string): PlistDict => ({ MessageType: 'DeclarativeManagement', UDID: device.udid, Endpoint })
  const read = async (endpoint: string): Promise<unknown> => JSON.parse(Buffer.from(await ask(message(endpoint))).toString())
  const { SyncTokens } = (await read('tokens')) as { SyncTokens: { DeclarationsToken: string } }
  if (SyncTokens.DeclarationsToken === known) return known
  const items = (await read('declaration-items')) as { Declarations: Record<keyof typeof KINDS, Item[]> }
  const standings: Record<string, object[]> = { activations: [], assets: [], configurations: [], management: [] }
  for (const [list, kind] of Object.entries(KINDS) as [keyof typeof KINDS, string][]) {
    for (const { Identifier, ServerToken } of items.Declarations[list] ?? []) {
      await read(`declaration/${kind}/${Identifier}`)
      standings[list.toLowerCase()]?.push({ identifier: Identifier, 'server-token': ServerToken, active: true, valid: 'valid' })
    }
  }
  const { serial, osVersion, osBuild, model, fileVault } = device
  const StatusItems = {
    device: {
      identifier: { 'serial-number': serial, udid: device.udid },
      model: { identifier: model },
      'operating-system': { version: osVersion, 'build-version': osBuild },
    },
    diskmanagement: { filevault: { enabled: fileVault } },
    management: { declarations: standings },
  }
  await ask({ ...message('status'), Data: Buffer.from(JSON.stringify({ StatusItems, Errors: [] })) })
  return SyncTokens.DeclarationsToken
}
