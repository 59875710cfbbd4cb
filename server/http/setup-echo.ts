import type { FastifyInstance } from 'fastify'
import { AppError } from '../errors.ts'

export type SetupEchoDeps = { answer(question: string): string | undefined }

const QUESTION = /^[A-Za-z0-9_-]{32}$/

/** `GET /setup-echo/:question`: what the appliance asks itself through its public address, to learn who answers there. */
export async function setupEchoRoutes(app: FastifyInstance, deps: SetupEchoDeps): Promise<void> {
  app.get<{ Params: { question: string } }>('/setup-echo/:question', { exposeHeadRoute: false }, async (request, reply) => {
    const { question } = request.params
    const answer = QUESTION.test(question) ? deps.answer(question) : undefined
    if (answer === undefined) throw new AppError('not_found')
    return reply.header('cache-control', 'no-store').type('text/plain').send(answer)
  })
}
