import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { ApiKeyPrincipal } from '../auth/api-keys.ts'
import { requireScope } from '../auth/api-keys.ts'
import { AppError } from '../errors.ts'

export type InvitationDeps = {
  authenticate(header: string | undefined): Promise<ApiKeyPrincipal>
  invite(invitation: { serial: string; actor: `key:${string}` }): Promise<{ mac: string; url: string; expiresAt: Date }>
}

const Body = z.strictObject({ serial: z.string().max(64) })

/** `POST /enroll/invitations` {serial} → {mac, enrollmentUrl, expiresAt}: for scripts that roll a fleet out, with scope `fleet:enroll`. */
export async function invitationRoutes(app: FastifyInstance, deps: InvitationDeps): Promise<void> {
  app.post('/enroll/invitations', { bodyLimit: 4096 }, async (request, reply) => {
    const principal = await deps.authenticate(request.headers.authorization)
    requireScope(principal, 'fleet:enroll')
    const body = Body.safeParse(request.body)
    if (!body.success) throw new AppError('invalid_request', { public: 'Send {"serial": "…"}.', param: 'serial' })
    const { mac, url, expiresAt } = await deps.invite({ serial: body.data.serial, actor: `key:${principal.keyId}` })
    return reply.code(201).send({ mac, enrollmentUrl: url, expiresAt: expiresAt.toISOString() })
  })
}
