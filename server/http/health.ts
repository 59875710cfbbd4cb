import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import { type ApiKeyPrincipal, requireScope } from '../auth/api-keys.ts'
import { AppError } from '../errors.ts'
import type { Store } from '../store/client.ts'

export type HealthDeps = {
  store: Pick<Store, '$queryRaw'>
  metrics: Registry
  /** True from the first signal to stop: load balancers then send nothing new. */
  isStopping(): boolean
  /** What Prometheus sends as its bearer token (ESPALIER_METRICS_TOKEN). */
  metricsToken: string | undefined
  /** An API key with the scope `fleet:read` opens /metrics as well. */
  authenticate(header: string | undefined): Promise<ApiKeyPrincipal>
}

export type NotReadyCause = 'stopping' | 'database_unreachable'

const DATABASE_PATIENCE_MS = 2_000

/** `/healthz`: the process answers. `/readyz`: requests are accepted, with or without Macs. `/metrics`: Prometheus, with a token. */
export async function healthRoutes(app: FastifyInstance, deps: HealthDeps): Promise<void> {
  const isDatabaseReachable = createDatabaseProbe(deps.store)

  app.get('/healthz', async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'alive' }))

  app.get('/readyz', async (_request, reply) => {
    const causes = await findCauses(deps, isDatabaseReachable)
    reply.header('cache-control', 'no-store')
    return causes.length === 0 ? reply.send({ status: 'ready' }) : reply.code(503).send({ status: 'not_ready', causes })
  })

  app.get('/metrics', async (request, reply) => {
    try {
      await authorizeMetrics(deps, request.headers.authorization)
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.status >= 500) throw thrown
      if (thrown.status === 401) reply.header('www-authenticate', 'Bearer')
      return reply.code(thrown.status).send({ error: { code: thrown.code, message: thrown.publicText } })
    }
    return reply.type(deps.metrics.contentType).send(await deps.metrics.metrics())
  })
}

async function findCauses(deps: HealthDeps, isDatabaseReachable: () => Promise<boolean>): Promise<NotReadyCause[]> {
  const causes: NotReadyCause[] = []
  if (deps.isStopping()) causes.push('stopping')
  if (!(await isDatabaseReachable())) causes.push('database_unreachable')
  return causes
}

/** However many ask at once, one question is under way. */
function createDatabaseProbe(store: HealthDeps['store']): () => Promise<boolean> {
  let underWay: Promise<boolean> | undefined
  const ask = async (): Promise<boolean> => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), DATABASE_PATIENCE_MS)
    })
    const answered = store.$queryRaw`SELECT 1`.then(
      () => true,
      () => false,
    )
    return Promise.race([answered, late]).finally(() => clearTimeout(timer))
  }
  return () => {
    underWay ??= ask().finally(() => {
      underWay = undefined
    })
    return underWay
  }
}

async function authorizeMetrics(deps: HealthDeps, header: string | undefined): Promise<void> {
  const given = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1]
  if (deps.metricsToken !== undefined && given !== undefined && isSame(given, deps.metricsToken)) return
  requireScope(await deps.authenticate(header), 'fleet:read')
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Digests have one length, so that the comparison tells nothing of the token's. */
const isSame = (left: string, right: string): boolean => timingSafeEqual(sha256(left), sha256(right))
