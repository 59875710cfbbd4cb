import { createHttpServer, type HttpDeps } from './server.ts'

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']

/**
 * Every route of the appliance as `METHOD /address`, in order of the address; `ALL` where every method is answered. HEAD is listed
 * only where no GET stands beside it. All plugins are registered as in the appliance, upon parts that are never called.
 */
export async function listRoutes(): Promise<string[]> {
  const methods = new Map<string, Set<string>>()
  const onRoute: NonNullable<HttpDeps['onRoute']> = ({ method, url }) => {
    const known = methods.get(url) ?? new Set<string>()
    for (const each of [method].flat()) known.add(each.toUpperCase())
    methods.set(url, known)
  }
  const { app } = await createHttpServer(uncalled({ onRoute }))
  await app.ready()
  return [...methods].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([url, each]) => nameRoutes(url, each))
}

function nameRoutes(url: string, methods: Set<string>): string[] {
  if (METHODS.every((method) => methods.has(method))) return [`ALL ${url}`]
  const named = [...methods].filter((method) => method !== 'HEAD' || !methods.has('GET')).sort()
  return named.map((method) => `${method} ${url}`)
}

/** What is looked at while routes are registered has its value; everything else is only handed on. */
function uncalled({ onRoute }: Pick<HttpDeps, 'onRoute'>): HttpDeps {
  const nothing = async (): Promise<void> => {}
  const deps = {
    env: { tls: undefined, clientCertificates: { from: 'nowhere' }, mode: 'production' },
    console: { publicUrl: new URL('http://localhost'), mode: 'production' },
    openAi: { clock: { now: () => new Date(0) }, log: {} },
    ...{ mdm: {}, health: {}, invitations: {}, setupEcho: {}, log: {}, onRoute },
    createNext: () => ({ prepare: nothing, getRequestHandler: () => nothing, close: nothing }),
  }
  return deps as unknown as HttpDeps
}
