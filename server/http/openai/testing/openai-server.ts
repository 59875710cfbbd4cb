import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { Registry } from 'prom-client'
import type { ApiKeyPrincipal } from '../../../auth/api-keys.ts'
import { systemClock } from '../../../clock.ts'
import { AppError } from '../../../errors.ts'
import { createInference } from '../../../inference/handle.ts'
import { createScriptedFleet } from '../../../inference/testing/scripted-fleet.ts'
import type { ScriptedMac } from '../../../inference/testing/scripted-mac.ts'
import { createQueue, type QueueDeps } from '../../../scheduler/queue.ts'
import type { Ending, Meter } from '../../../usage/meter.ts'
import { createInferenceMetrics } from '../../../usage/metrics.ts'
import { type OpenAiDeps, openAiRoutes } from '../routes.ts'

type Settled = Ending & { id: string; mac: string | undefined }

/** The real routes, inference and queue on 127.0.0.1, before scripted Macs; `meter` defaults to one that only remembers. */
export async function startOpenAiServer(options: {
  macs: readonly ScriptedMac[]
  meter?: Meter
  queue?: Partial<QueueDeps>
  deps?: Partial<OpenAiDeps>
}) {
  const fleet = createScriptedFleet(options.macs)
  const settled: Settled[] = []
  const queue = createQueue({ fleet, clock: systemClock, random: Math.random, ...options.queue })
  const registry = new Registry()
  const inference = createInference({
    fleet,
    queue,
    meter: options.meter ?? rememberingMeter(settled),
    clock: systemClock,
    metrics: createInferenceMetrics(registry, () => queue.length()),
  })
  const app = fastify()
  const errors: unknown[] = []
  await app.register(
    openAiRoutes({
      inference,
      fleet,
      clock: systemClock,
      log: { error: (detail) => errors.push(detail) },
      authenticate: async (header) => authenticateTestKey(header),
      fleetAttestation: async () => ({ macs: [] }),
      ...options.deps,
    }),
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    port,
    fleet,
    queue,
    inference,
    registry,
    settled,
    errors,
    async close() {
      await inference.close(AbortSignal.abort())
      queue.close()
      app.server.closeAllConnections()
      await app.close()
    },
  }
}

/** `esp_all` may do everything, `esp_NAME` is another such key, `esp_models` may only list models. */
function authenticateTestKey(header: string | undefined): ApiKeyPrincipal {
  if (header === undefined) throw new AppError('missing_api_key')
  const key = /^Bearer (esp_\w+)$/.exec(header)?.[1]
  if (key === undefined) throw new AppError('invalid_api_key')
  const scopes = key === 'esp_models' ? (['models:read'] as const) : (['inference', 'models:read', 'evidence:read'] as const)
  return { keyId: key, userId: 'usr', scopes: new Set(scopes) }
}

function rememberingMeter(settled: Settled[]): Meter {
  return {
    open({ id }) {
      let mac: string | undefined
      return {
        servedBy(by) {
          mac = by
        },
        async settle(ending) {
          settled.push({ ...ending, id, mac })
        },
      }
    },
    close: async () => {},
  }
}
