import { type Declaration, hash, kindOf, serverToken } from './declaration.ts'

/** Apple: TokensResponse. https://developer.apple.com/documentation/devicemanagement/tokensresponse */
export type SyncTokens = { SyncTokens: { DeclarationsToken: string; Timestamp: string } }

/** One word for a whole set of declarations: it changes when any of them does, and only then. */
export function declarationsToken(declarations: readonly Declaration[]): string {
  const lines = declarations.map((declaration) => `${kindOf(declaration)} ${declaration.identifier} ${serverToken(declaration)}`)
  return hash(lines.sort().join('\n'))
}

/** `changedAt`: since when the set is this one. Apple wants it without fractions of a second. */
export function syncTokens(set: { token: string; changedAt: Date }): SyncTokens {
  return { SyncTokens: { DeclarationsToken: set.token, Timestamp: `${set.changedAt.toISOString().slice(0, 19)}Z` } }
}

type Item = { Identifier: string; ServerToken: string }

/** Apple: DeclarationItemsResponse, every kind present. https://developer.apple.com/documentation/devicemanagement/declarationitemsresponse */
export function declarationItems(declarations: readonly Declaration[], token: string) {
  const items = { Activations: [] as Item[], Configurations: [] as Item[], Assets: [] as Item[], Management: [] as Item[] }
  for (const declaration of declarations) {
    items[LISTS[kindOf(declaration)]].push({ Identifier: declaration.identifier, ServerToken: serverToken(declaration) })
  }
  return { Declarations: items, DeclarationsToken: token }
}

const LISTS = { activation: 'Activations', configuration: 'Configurations', asset: 'Assets', management: 'Management' } as const
