import { sha256, utf8 } from '../bytes.ts'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** What a Mac is to have, as Apple's declarative management words it; `payload` is the schema of its `type`. */
export type Declaration = { identifier: string; type: string; payload: { readonly [key: string]: Json } }

export const DECLARATION_KINDS = ['activation', 'configuration', 'asset', 'management'] as const
export type DeclarationKind = (typeof DECLARATION_KINDS)[number]

const IDENTIFIER = /^[A-Za-z0-9._-]{1,128}$/
const TYPE = /^com\.apple\.(activation|configuration|asset|management)\.[a-z0-9.-]{1,100}$/

/** The kind stands in the type: `com.apple.configuration.…`. A declaration that names none is our own mistake. */
export function kindOf(declaration: Pick<Declaration, 'type' | 'identifier'>): DeclarationKind {
  const kind = TYPE.exec(declaration.type)?.[1]
  if (kind === undefined || !IDENTIFIER.test(declaration.identifier)) {
    throw new TypeError(`no declaration: ${declaration.type} ${declaration.identifier}`)
  }
  return kind as DeclarationKind
}

/**
 * ServerToken: SHA-256 over the whole declaration, in a form that does not depend on the order of its keys. Apple: "Servers must
 * compute the token over the entire declaration content".
 */
export function serverToken({ identifier, type, payload }: Declaration): string {
  return hash(canonical({ identifier, type, payload }))
}

export const hash = (text: string): string => Buffer.from(sha256(utf8(text))).toString('hex')

function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`
}
