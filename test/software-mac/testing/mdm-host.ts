import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { createMdm } from '../../../mdm/create-mdm.ts'
import type { Declaration } from '../../../mdm/ddm/declaration.ts'
import { declarationsToken } from '../../../mdm/ddm/tokens.ts'
import { createDeviceCa, createProfileSigner } from '../../../mdm/issuer.ts'
import type { DeclarationSet, Mdm, MdmDeps, MdmEvents, RawReply, RawRequest, Reply } from '../../../mdm/ports.ts'
import { createApnsSender } from '../../../mdm/push/apns.ts'
import { topicOf } from '../../../mdm/push/topic.ts'
import { deliver } from '../../../mdm/push/wake.ts'
import { createMemoryPorts } from '../../../mdm/testing/memory-ports.ts'
import { judgeAcmeAttestation } from '../../../server/attestation/judge-acme.ts'
import { createEvaluationAnchors } from '../../../server/attestation/roots.ts'
import { readAddress } from '../apple/directory.ts'

/** The real MDM library over real HTTP, with the real attestation verifier, pushing through software Apple. */
export type MdmHost = {
  url: string
  mdm: Mdm
  events: { type: string; event: Record<string, unknown> }[]
  replies: Reply[]
  /** What declarative management offers to every Mac. */
  declare(declarations: readonly Declaration[]): void
  /** Setup Assistant of this Mac is let into this enrollment. */
  admit(serial: string, enrollmentId: string): void
  untilEvent(type: string): Promise<Record<string, unknown>>
  untilReply(command: string): Promise<Reply>
  close(): Promise<void>
}

export async function startMdmHost(appleDirectory: string): Promise<MdmHost> {
  const file = (name: string) => readFileSync(join(appleDirectory, name), 'utf8')
  const anchors = createEvaluationAnchors(new Uint8Array(new X509Certificate(file('attestation-root.pem')).raw))
  const ports = createMemoryPorts()
  const events: MdmHost['events'] = []
  const replies: Reply[] = []
  let declared: DeclarationSet | undefined
  const admitted = new Map<string, string>()
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  const url = `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : 0}`
  const push = createApnsSender(() => {
    const address = readAddress(appleDirectory)
    return { url: address?.url ?? '', ca: address?.caPem ?? '', certificate: file('push-cert.pem'), key: file('push-key.pem') }
  })
  const now = new Date()
  const ca = await createDeviceCa({ organization: 'Test', now })
  const profileSigner = await createProfileSigner({ organization: 'Test', now })
  const deps: MdmDeps = {
    publicUrl: url,
    organization: 'Test',
    clock: { now: () => new Date() },
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    ca,
    profileSigner,
    topic: () => topicOf(file('push-cert.pem')),
    push,
    // No queue between the wish and the push; the appliance's own is tested where it lives.
    wakes: { want: async (enrollmentId) => void (await deliver(deps, enrollmentId)), heard: async () => {} },
    ...ports,
    declarations: { find: async () => declared, fetched: async () => {} },
    automated: {
      anchors: [new X509Certificate(file('device-ca.pem'))],
      admit: async ({ serial }) => {
        const enrollmentId = admitted.get(serial)
        return enrollmentId === undefined ? undefined : { enrollmentId }
      },
    },
    async verifyAttestation({ attObj, token, enrollmentId }) {
      const serial = (await ports.enrollments.find(enrollmentId))?.serial ?? ''
      const verdict = judgeAcmeAttestation({ attObj, token, serial, anchors, allowEvaluation: true, at: new Date() })
      if (!verdict.ok) return { ok: false, reasons: verdict.findings.map(({ code }) => code) }
      return { ok: true, spki: verdict.spki, evidenceDigest: new Uint8Array(32) }
    },
    events: recorder(events, replies),
  }
  const mdm = createMdm(deps)
  server.on('request', (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', async () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
      const raw: RawRequest = { method: request.method ?? '', path: request.url ?? '', headers, body: Buffer.concat(parts) }
      const reply = await route(mdm, raw)
      response.writeHead(reply.status, reply.headers).end(reply.body)
    })
  })
  const poll = async <T>(find: () => T | undefined, what: string): Promise<T> => {
    for (const deadline = Date.now() + 15_000; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const found = find()
      if (found !== undefined) return found
    }
    throw new Error(`${what} did not come; events: ${events.map(({ type }) => type).join(', ')}`)
  }
  return {
    url,
    mdm,
    events,
    replies,
    declare: (declarations) => {
      declared = { declarations, token: declarationsToken(declarations), changedAt: new Date() }
    },
    admit: (serial, enrollmentId) => void admitted.set(serial, enrollmentId),
    untilEvent: (type) => poll(() => events.find((entry) => entry.type === type)?.event, type),
    untilReply: (command) => poll(() => replies.find((reply) => reply.command === command), command),
    async close() {
      push.close()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export const TOKEN = 'esp_test'

async function route(mdm: Mdm, request: RawRequest): Promise<RawReply> {
  if (request.path === '/enroll/invitations') return invitation(mdm, request)
  if (request.path === '/enroll/automated') return mdm.handleAutomatedEnroll(request)
  if (request.path.startsWith('/enroll/')) return mdm.handleEnroll(request)
  if (request.path.startsWith('/acme/')) return mdm.handleAcme(request)
  if (request.path === '/mdm/checkin') return mdm.handleCheckin(request)
  if (request.path === '/mdm/connect') return mdm.handleConnect(request)
  return { status: 404, headers: {}, body: new Uint8Array() }
}

/** The appliance's API for invitations, as far as the simulator uses it. */
async function invitation(mdm: Mdm, request: RawRequest): Promise<RawReply> {
  const headers = { 'content-type': 'application/json' }
  if (request.headers.authorization !== `Bearer ${TOKEN}`) return { status: 401, headers, body: Buffer.from('{}') }
  const { serial } = JSON.parse(Buffer.from(request.body).toString()) as { serial: string }
  const { url } = await mdm.invite({ macId: `mac_${serial}`, serial })
  return { status: 201, headers, body: Buffer.from(JSON.stringify({ enrollmentUrl: url })) }
}

function recorder(events: MdmHost['events'], replies: Reply[]): MdmEvents {
  const note = (type: string) => async (event: object) => void events.push({ type, event: event as Record<string, unknown> })
  return {
    onProfileIssued: note('profile-issued'),
    onAcmeAttested: note('acme-attested'),
    onAcmeRefused: note('acme-refused'),
    onIdentityPromoted: note('identity-promoted'),
    onAuthenticate: note('authenticate'),
    onEnrolled: note('enrolled'),
    onCheckOut: note('check-out'),
    onDeclarativeStatus: note('declarative-status'),
    onReply: async (reply) => void replies.push(reply),
  }
}
