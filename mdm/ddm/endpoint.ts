import { DECLARATION_KINDS, type DeclarationKind } from './declaration.ts'

export type Endpoint =
  | { name: 'tokens' }
  | { name: 'declaration-items' }
  | { name: 'status' }
  | { name: 'declaration'; kind: DeclarationKind; identifier: string }

/** Apple: DeclarativeManagement check-in, `Endpoint`. Undefined for anything else. */
export function parseEndpoint(text: string): Endpoint | undefined {
  if (text === 'tokens' || text === 'declaration-items' || text === 'status') return { name: text }
  const [word, kind, identifier, ...rest] = text.split('/')
  const known = DECLARATION_KINDS.find((one) => one === kind)
  if (word !== 'declaration' || known === undefined || rest.length > 0) return undefined
  if (identifier === undefined || identifier === '' || identifier.length > 128) return undefined
  return { name: 'declaration', kind: known, identifier }
}
