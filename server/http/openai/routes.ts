import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { newId, type RequestId } from '#protocol/ids'
import type { ApiKeyPrincipal } from '../../auth/api-keys.ts'
import { requireScope } from '../../auth/api-keys.ts'
import type { Clock } from '../../clock.ts'
import { AppError } from '../../errors.ts'
import type { MacAttestation } from '../../fleet/attestation-feed.ts'
import type { Inference } from '../../inference/handle.ts'
import { servedModels } from '../../scheduler/choose.ts'
import type { FleetSnapshot } from '../../scheduler/snapshot.ts'
import { chatCompletions } from './chat-completions.ts'
import { type ErrorLog, sendErrorEnvelope } from './error-envelope.ts'
import { modelList, modelObject } from './models.ts'

/** Longest body: prompts are text. */
const MAX_BODY_MIB = 8

export type OpenAiDeps = {
  inference: Inference
  fleet: { snapshot(): FleetSnapshot }
  clock: Clock
  log: ErrorLog
  /** Of the Authorization header; throws missing_api_key or invalid_api_key. */
  authenticate(header: string | undefined): Promise<ApiKeyPrincipal>
  /** What this caller may see of the fleet's evidence. */
  fleetAttestation(principal: ApiKeyPrincipal): Promise<{ macs: readonly MacAttestation[] }>
}

/** The methods that each address answers; any other method there is 405, any other address under /v1 is 404. */
const METHODS: Record<string, string> = {
  '/v1/chat/completions': 'POST',
  '/v1/models': 'GET, HEAD',
  '/v1/fleet/attestation': 'GET, HEAD',
  '/v1/providers/attestation': 'GET, HEAD',
}

/** The OpenAI-compatible API. Registered once, without a prefix; it answers everything under /v1 that no other plugin answers. */
export function openAiRoutes(deps: OpenAiDeps): FastifyPluginAsync {
  return async (app) => {
    const startedAt = deps.clock.now()
    speakOpenAi(app, deps.log)

    app.post('/v1/chat/completions', { bodyLimit: MAX_BODY_MIB * 1024 * 1024, onRequest: authenticate(deps) }, async (request, reply) => {
      const principal = callerOf(request)
      requireScope(principal, 'inference')
      return chatCompletions(deps, { request, reply, id: requestId(reply), keyId: principal.keyId })
    })

    app.get('/v1/models', { onRequest: authenticate(deps) }, async (request) => {
      requireScope(callerOf(request), 'models:read')
      return modelList(servedModels(deps.fleet.snapshot(), deps.clock.now().getTime()), startedAt)
    })

    // A model's name may hold slashes.
    app.get<{ Params: { '*': string } }>('/v1/models/*', { onRequest: authenticate(deps) }, async (request) => {
      requireScope(callerOf(request), 'models:read')
      const id = request.params['*']
      const isServed = servedModels(deps.fleet.snapshot(), deps.clock.now().getTime()).includes(id)
      if (!isServed) throw modelNotServed(id.slice(0, 200))
      return modelObject(id, startedAt)
    })

    for (const address of ['/v1/fleet/attestation', '/v1/providers/attestation']) {
      app.get(address, { onRequest: authenticate(deps) }, async (request) => deps.fleetAttestation(callerOf(request)))
    }

    app.all('/v1', { onRequest: refuseUnknown }, refuseUnknown)
    app.all('/v1/*', { onRequest: refuseUnknown }, refuseUnknown)
  }
}

/** Request ids, JSON and errors as everything under /v1 has them. */
function speakOpenAi(app: FastifyInstance, log: ErrorLog): void {
  app.decorateRequest('apiKeyPrincipal', null)
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-request-id', newId<RequestId>('req'))
  })
  app.setErrorHandler(sendErrorEnvelope(log, { maxBody: `${MAX_BODY_MIB} MiB` }))
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, JSON.parse(text as string))
    } catch (cause) {
      done(new AppError('invalid_json', { cause }))
    }
  })
}

/** Runs before the body is read: a caller without a key cannot make us read eight megabytes. */
function authenticate(deps: Pick<OpenAiDeps, 'authenticate'>) {
  return async (request: FastifyRequest): Promise<void> => {
    request.setDecorator('apiKeyPrincipal', await deps.authenticate(request.headers.authorization))
  }
}

const callerOf = (request: FastifyRequest): ApiKeyPrincipal => request.getDecorator<ApiKeyPrincipal>('apiKeyPrincipal')

function modelNotServed(id: string): AppError {
  return new AppError('model_not_found', {
    param: 'model',
    public: `The model “${id}” is not served now. GET /v1/models lists what is served.`,
  })
}

const requestId = (reply: FastifyReply): RequestId => reply.getHeader('x-request-id') as RequestId

/** As a hook it comes before the body, whatever that is. */
async function refuseUnknown(request: FastifyRequest, reply: FastifyReply): Promise<never> {
  const path = request.url.split('?')[0] ?? ''
  const allowed = Object.hasOwn(METHODS, path) ? METHODS[path] : undefined
  if (allowed === undefined) throw new AppError('not_found', { public: `There is no “${request.method} ${path.slice(0, 200)}” here.` })
  reply.header('allow', allowed)
  const answered = allowed.replace(', ', ' and ')
  throw new AppError('method_not_allowed', { public: `“${path}” answers ${answered}, not ${request.method}.` })
}
