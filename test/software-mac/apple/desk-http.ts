import { Buffer } from 'node:buffer'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AdeControl } from './ade/control.ts'
import { controlAde } from './ade/control-http.ts'
import { type AttestRequest, attest, type BootFacts, type Faults } from './attest.ts'
import type { EvaluationAuthority } from './authority.ts'
import type { Courier } from './courier.ts'
import { type DeviceCa, issueDeviceCertificate } from './device-ca.ts'
import { isFactorySigned, type MadeMac, type Register } from './register.ts'

type Deps = {
  authority: EvaluationAuthority
  register: Register
  courier: Courier
  deviceCa: DeviceCa
  ade: AdeControl
  now: () => Date
}
type Answer = { status: number; body: object }

const MAX_BODY_BYTES = 64 * 1024

/** What Macs ask of Apple over HTTP, on loopback: to be made, and to be attested. The courier's socket hangs on the same port. */
export function createDesk(deps: Deps): Server {
  const server = createServer((request, response) => {
    void route(request, deps)
      .catch((error: unknown) => ({ status: 400, body: { error: String(error) } }))
      .then((answer) => write(response, answer))
  })
  server.on('upgrade', (request, socket, head) => {
    if (request.url !== '/courier') return void socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
    deps.courier.server.handleUpgrade(request, socket, head, (opened) => deps.courier.server.emit('connection', opened, request))
  })
  return server
}

async function route(request: IncomingMessage, deps: Deps): Promise<Answer> {
  const body = await read(request)
  if (request.method === 'POST' && request.url === '/manufacture') return manufacture(body, deps)
  if (request.method === 'POST' && request.url === '/attest') return attestFor(body, String(request.headers['x-factory-signature']), deps)
  if (request.method === 'POST' && request.url === '/activate') return activate(body, String(request.headers['x-factory-signature']), deps)
  if (request.method === 'POST' && request.url?.startsWith('/ade/')) return controlAde(request.url.slice('/ade/'.length), body, deps.ade)
  return { status: 404, body: { error: 'nothing here' } }
}

function manufacture(body: Buffer, { register }: Deps): Answer {
  const mac = JSON.parse(body.toString()) as MadeMac
  const { serial, provisioningUdid, softwareUpdateDeviceId, factoryKey } = mac
  if (
    !/^[A-Z0-9]{10,12}$/.test(serial) ||
    ![provisioningUdid, softwareUpdateDeviceId, factoryKey].every((text) => typeof text === 'string')
  ) {
    return { status: 400, body: { error: 'malformed' } }
  }
  const isAppleSilicon = mac.isAppleSilicon !== false
  const outcome = register.manufacture({ serial, provisioningUdid, softwareUpdateDeviceId, factoryKey, isAppleSilicon })
  return outcome === 'taken'
    ? { status: 409, body: { error: 'this serial was made with another key' } }
    : { status: 200, body: { outcome } }
}

type AttestBody = {
  serial: string
  purpose: AttestRequest['purpose']
  spki: string
  freshness?: string
  boot: BootFacts
  isUserEnrollment?: boolean
  faults?: Faults
}

function attestFor(bytes: Buffer, signature: string, { authority, register, now }: Deps): Answer {
  const body = JSON.parse(bytes.toString()) as AttestBody
  const mac = register.find(body.serial)
  if (mac === undefined || !isFactorySigned(mac, 'attest', bytes, Buffer.from(signature, 'base64url'))) {
    return { status: 401, body: { error: 'not a Mac of ours' } }
  }
  const attested = attest({
    authority,
    mac,
    now: now(),
    request: {
      purpose: body.purpose,
      spki: Buffer.from(body.spki, 'base64url'),
      freshness: body.freshness === undefined ? undefined : Buffer.from(body.freshness, 'base64url'),
      boot: body.boot,
      isUserEnrollment: body.isUserEnrollment === true,
      faults: body.faults ?? {},
    },
  })
  if (attested.remember !== undefined) register.remember(mac.serial, attested.remember)
  const chain = attested.chain.map((der) => Buffer.from(der).toString('base64url'))
  return { status: 200, body: { chain, isCached: attested.isCached } }
}

/** Setup Assistant's first question. The device certificate is for the key that the Mac shows; the profile is what is assigned. */
function activate(bytes: Buffer, signature: string, { register, deviceCa, ade, now }: Deps): Answer {
  const { serial, spki } = JSON.parse(bytes.toString()) as { serial: string; spki: string }
  const mac = register.find(serial)
  if (mac === undefined || !isFactorySigned(mac, 'activate', bytes, Buffer.from(signature, 'base64url'))) {
    return { status: 401, body: { error: 'not a Mac of ours' } }
  }
  const certificate = issueDeviceCertificate({ ca: deviceCa, spki: Buffer.from(spki, 'base64url'), serial, now: now() })
  const profile = ade.activate(serial)
  return { status: 200, body: { certificate: Buffer.from(certificate).toString('base64url'), profile: profile ?? null } }
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length
    if (length > MAX_BODY_BYTES) throw new RangeError('body too large')
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function write(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
