import { headers } from 'next/headers'

export type ConsoleContext = {
  mode: 'evaluation' | 'production'
  user: { id: string; email: string; name: string; role: string } | null
  /** The permissions of that person. */
  may?: readonly string[]
}

/** What the server knows of this request before a page asks anything; it sets the header itself and drops what a client sends. */
export async function consoleContext(): Promise<ConsoleContext> {
  const value = (await headers()).get('x-espalier-console')
  return value === null ? { mode: 'production', user: null } : JSON.parse(decodeURIComponent(value))
}
