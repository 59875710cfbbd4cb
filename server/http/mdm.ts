import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Mdm, RawReply, RawRequest } from '../../mdm/ports.ts'
import type { ClientCertificateOf } from './client-certificate.ts'

/** As large as the plist reader's own limit: an attestation reply is about 8 KiB, an inventory far below this. */
const MAX_MESSAGE_BYTES = 1024 * 1024
const MAX_ACME_BYTES = 64 * 1024
const MAX_SCEP_BYTES = 64 * 1024
const MAX_MACHINE_INFO_BYTES = 32 * 1024

/**
 * The addresses of the Macs, as one Fastify plugin with its own body parser: signatures cover the bytes as they came, so no
 * content type is parsed here. Register it without a prefix: `app.register(mdmRoutes(mdm))`.
 */
export function mdmRoutes(
  mdm: Pick<Mdm, 'handleEnroll' | 'handleAutomatedEnroll' | 'handleAcme' | 'handleScep' | 'handleCheckin' | 'handleConnect'>,
  clientCertificateOf: ClientCertificateOf = () => undefined,
) {
  const throughWithCertificate = (handle: (request: RawRequest) => Promise<RawReply>) =>
    through((raw, request) => handle({ ...raw, clientCertificate: clientCertificateOf(request.raw) }))
  return async (app: FastifyInstance): Promise<void> => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    app.route({
      method: ['GET', 'POST'],
      url: '/enroll/automated',
      exposeHeadRoute: false,
      bodyLimit: MAX_MACHINE_INFO_BYTES,
      handler: through(mdm.handleAutomatedEnroll),
    })
    app.route({ method: 'GET', url: '/enroll/:code', exposeHeadRoute: false, handler: through(mdm.handleEnroll) })
    app.route({ method: 'PUT', url: '/mdm/checkin', bodyLimit: MAX_MESSAGE_BYTES, handler: throughWithCertificate(mdm.handleCheckin) })
    app.route({ method: 'PUT', url: '/mdm/connect', bodyLimit: MAX_MESSAGE_BYTES, handler: throughWithCertificate(mdm.handleConnect) })
    app.route({
      method: ['GET', 'HEAD', 'POST'],
      url: '/acme/*',
      exposeHeadRoute: false,
      bodyLimit: MAX_ACME_BYTES,
      handler: through(mdm.handleAcme),
    })
    app.route({
      method: ['GET', 'POST'],
      url: '/scep',
      exposeHeadRoute: false,
      bodyLimit: MAX_SCEP_BYTES,
      handler: through(mdm.handleScep),
    })
  }
}

function through(handle: (raw: RawRequest, request: FastifyRequest) => Promise<RawReply>) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const answer = await handle(toRawRequest(request), request)
    return reply.code(answer.status).headers(answer.headers).send(Buffer.from(answer.body))
  }
}

function toRawRequest(request: FastifyRequest): RawRequest {
  const headers: Record<string, string | undefined> = {}
  // A header that came several times is ambiguous, and none of ours may: it counts as absent.
  for (const [name, value] of Object.entries(request.headers)) headers[name] = typeof value === 'string' ? value : undefined
  const body = Buffer.isBuffer(request.body) ? new Uint8Array(request.body) : new Uint8Array()
  const [path = '/', query = ''] = request.url.split('?', 2)
  return { method: request.method, path, query, headers, body }
}
