import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'

/**
 * Answers every address that neither a plugin nor a page takes, before a body is read: that it is no JSON would be the lesser news.
 * Most often it is a client whose base URL lacks /v1.
 */
export function answerUnknownAddresses(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    if (request.is404) throw unknownAddress(request)
  })
}

function unknownAddress({ method, url }: FastifyRequest): AppError {
  const path = (url.split('?', 1)[0] ?? '').slice(0, 200)
  return new AppError('not_found', { public: `There is nothing at ${method} ${path}. The API’s addresses begin with /v1.` })
}
