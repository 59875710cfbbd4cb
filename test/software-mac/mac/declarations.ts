import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { readJson, writeJson } from '../durable-file.ts'
import type { Device } from './device.ts'
import { ServerAway, send } from './http.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import type { PlistDict } from './plist/write.ts'
import { statusItems } from './status-items.ts'

/** Declarative management on the Mac: what is declared here, as the server last said, in `declarations.json`. */
type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
type Kind = 'activation' | 'asset' | 'configuration' | 'management'
export type Declaration = { kind: Kind; Identifier: string; Type: string; ServerToken: string; Payload: { [key: string]: Json } }
type Kept = { token?: string; declarations: Declaration[] }
type Item = { Identifier: string; ServerToken: string }
type Standing = { identifier: string; 'server-token': string; active: boolean; valid: 'valid' | 'invalid' | 'unknown'; reasons?: Json[] }

export const declarationsFile = (directory: string) => join(directory, 'declarations.json')

const LISTS = { Activations: 'activation', Assets: 'asset', Configurations: 'configuration', Management: 'management' } as const

export type DeclarationDeps = {
  directory: string
  device: () => Device
  /** Sends a DeclarativeManagement check-in and returns the reply's body. */
  ask: (message: PlistDict) => Promise<Uint8Array>
  misbehaviour: Misbehaviour
  signal: AbortSignal
}

/** Apple: tokens → declaration-items → declaration/<kind>/<id> for what is new or changed → status. */
export async function synchronize(deps: DeclarationDeps): Promise<void> {
  const { directory } = deps
  const kept = readJson<Kept>(declarationsFile(directory)) ?? { declarations: [] }
  const { SyncTokens } = (await fetchJson(deps, 'tokens')) as { SyncTokens: { DeclarationsToken: string } }
  let { declarations } = kept
  if (SyncTokens.DeclarationsToken !== kept.token) {
    const items = (await fetchJson(deps, 'declaration-items')) as {
      Declarations: Record<keyof typeof LISTS, Item[]>
      DeclarationsToken: string
    }
    declarations = await fetchChanged(deps, items.Declarations, kept.declarations)
    writeJson(declarationsFile(directory), { token: items.DeclarationsToken, declarations } satisfies Kept)
  }
  if (deps.misbehaviour.declarations !== 'silent') await report(deps, declarations)
}

async function fetchChanged(
  deps: DeclarationDeps,
  lists: Record<keyof typeof LISTS, Item[]>,
  known: Declaration[],
): Promise<Declaration[]> {
  const wanted: Declaration[] = []
  for (const [list, kind] of Object.entries(LISTS) as [keyof typeof LISTS, Kind][]) {
    for (const { Identifier, ServerToken } of lists[list] ?? []) {
      const same = known.find((one) => one.kind === kind && one.Identifier === Identifier && one.ServerToken === ServerToken)
      wanted.push(same ?? { ...((await fetchJson(deps, `declaration/${kind}/${Identifier}`)) as Omit<Declaration, 'kind'>), kind })
    }
  }
  return wanted
}

async function fetchJson(deps: DeclarationDeps, endpoint: string): Promise<Json> {
  const body = await deps.ask(message(deps, endpoint))
  try {
    return JSON.parse(Buffer.from(body).toString()) as Json
  } catch (error) {
    throw new ServerAway(`the server’s answer to ${endpoint} is not JSON`, { cause: error })
  }
}

const message = ({ device }: DeclarationDeps, Endpoint: string): PlistDict => ({
  MessageType: 'DeclarativeManagement',
  UDID: device().udid,
  Endpoint,
})

/** StatusItems with what stands of each declaration, and whatever a subscription asks for. */
async function report(deps: DeclarationDeps, declarations: Declaration[]): Promise<void> {
  const standings = await judge(deps, declarations)
  const subscribed = declarations
    .filter(({ Type }) => Type === 'com.apple.configuration.management.status-subscriptions')
    .flatMap(({ Payload }) => (Array.isArray(Payload.StatusItems) ? Payload.StatusItems : []))
    .flatMap((item) => (typeof item === 'object' && item !== null && 'Name' in item ? [String(item.Name)] : []))
  const { items, unknown } = statusItems(subscribed, deps.device(), deps.directory)
  const management = { ...((items.management as object | undefined) ?? {}), declarations: standings }
  const Errors = unknown.map((StatusItem) => ({ StatusItem, Reasons: [{ Code: 'Error.UnknownStatusItem' }] }))
  const body = { StatusItems: { ...items, management }, Errors }
  await deps.ask({ ...message(deps, 'status'), Data: Buffer.from(JSON.stringify(body)) })
}

async function judge(deps: DeclarationDeps, declarations: Declaration[]): Promise<Record<string, Standing[]>> {
  const standings: Record<string, Standing[]> = { activations: [], assets: [], configurations: [], management: [] }
  const activated = declarations.filter(({ kind }) => kind === 'activation').flatMap(({ Payload }) => Payload.StandardConfigurations ?? [])
  for (const declaration of declarations) {
    const fault =
      deps.misbehaviour.declarations === 'invalid' ? 'Error.ConfigurationIsInvalid' : await faultOf(deps, declaration, declarations)
    const isUsed = declaration.kind !== 'configuration' || activated.includes(declaration.Identifier)
    const list = declaration.kind === 'management' ? 'management' : `${declaration.kind}s`
    standings[list]?.push({
      identifier: declaration.Identifier,
      'server-token': declaration.ServerToken,
      active: fault === undefined && isUsed,
      valid: fault === undefined ? 'valid' : 'invalid',
      ...(fault === undefined ? {} : { reasons: [{ code: fault }] }),
    })
  }
  return standings
}

const KNOWN_TYPES =
  /^com\.apple\.(activation\.simple|asset\.data|management\.[a-z-]+|configuration\.(management|services|softwareupdate|app|passcode)\.[a-z.-]+)$/

async function faultOf(deps: DeclarationDeps, declaration: Declaration, all: Declaration[]): Promise<string | undefined> {
  const { Type, Payload } = declaration
  if (!KNOWN_TYPES.test(Type)) return 'Error.UnknownDeclarationType'
  if (Type === 'com.apple.activation.simple') return missingOf(Payload.StandardConfigurations, all, 'configuration')
  if (Type === 'com.apple.configuration.services.background-tasks') return backgroundTaskFault(deps, Payload, all)
  return undefined
}

function missingOf(names: Json | undefined, all: Declaration[], kind: Kind): string | undefined {
  const wanted = Array.isArray(names) ? names : []
  const isThere = (name: Json) => all.some((one) => one.kind === kind && one.Identifier === name)
  return wanted.every(isThere) ? undefined : 'Error.MissingConfigurations'
}

/** macOS 15, supervised: every asset is fetched and must have the hash that was declared. */
async function backgroundTaskFault(
  deps: DeclarationDeps,
  payload: Declaration['Payload'],
  all: Declaration[],
): Promise<string | undefined> {
  if (!deps.device().isSupervised) return 'Error.ConfigurationNotSupported'
  const launchd = Array.isArray(payload.LaunchdConfigurations) ? payload.LaunchdConfigurations : []
  const names = [payload.ExecutableAssetReference, ...launchd.map((one) => (one as { FileAssetReference?: Json }).FileAssetReference)]
  for (const name of names.filter((one) => one !== undefined)) {
    const asset = all.find((one) => one.kind === 'asset' && one.Identifier === name)
    if (asset === undefined) return 'Error.AssetNotFound'
    if (!(await isAssetWhole(deps, asset))) return 'Error.AssetCannotBeVerified'
  }
  return undefined
}

async function isAssetWhole({ signal }: DeclarationDeps, { Payload }: Declaration): Promise<boolean> {
  const reference = (Payload.Reference ?? {}) as { DataURL?: string; 'Hash-SHA-256'?: string }
  if (reference.DataURL === undefined) return false
  const reply = await send({ url: reference.DataURL, method: 'GET', signal }).catch((error: unknown) => {
    signal.throwIfAborted()
    if (error instanceof ServerAway) return undefined
    throw error
  })
  if (reply?.status !== 200) return false
  const hash = createHash('sha256').update(reply.body).digest('hex')
  return reference['Hash-SHA-256'] === undefined || hash === reference['Hash-SHA-256'].toLowerCase()
}
