import { KeyObject, webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createMdm } from '../../../mdm/create-mdm.ts'
import { createDeviceCa, createProfileSigner, createScepCa } from '../../../mdm/issuer.ts'
import type { Mdm, RawReply, RawRequest } from '../../../mdm/ports.ts'
import { createMemoryPorts } from '../../../mdm/testing/memory-ports.ts'
import { createTestInstallation } from '../../../mdm/testing/test-installation.ts'

/** The real MDM library over real HTTP, for clients that others have written. Its judge of attestations believes a bare public key. */
export type IdentityHost = { url: string; mdm: Mdm; events: string[]; close(): Promise<void> }

export async function startIdentityHost(): Promise<IdentityHost> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  const url = `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : 0}`
  const { deps, told } = await createTestInstallation(createMemoryPorts())
  const made = { organization: 'Example AG', now: new Date() }
  const scepCa = await createScepCa(made)
  const mdm = createMdm({
    ...deps,
    publicUrl: url,
    clock: { now: () => new Date() },
    random: (length) => webcrypto.getRandomValues(new Uint8Array(length)),
    ca: await createDeviceCa(made),
    profileSigner: await createProfileSigner(made),
    scep: { certificate: scepCa.certificate, privateKey: KeyObject.from(scepCa.privateKey) },
  })
  server.on('request', (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', async () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
      const [path = '/', query = ''] = (request.url ?? '').split('?', 2)
      const reply = await route(mdm, { method: request.method ?? '', path, query, headers, body: Buffer.concat(parts) })
      response.writeHead(reply.status, reply.headers).end(reply.body)
    })
  })
  return {
    url,
    mdm,
    get events() {
      return told.map(({ name }) => name)
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function route(mdm: Mdm, request: RawRequest): Promise<RawReply> {
  if (request.path.startsWith('/enroll/')) return mdm.handleEnroll(request)
  if (request.path.startsWith('/acme/')) return mdm.handleAcme(request)
  if (request.path === '/scep') return mdm.handleScep(request)
  return { status: 404, headers: {}, body: new Uint8Array() }
}
