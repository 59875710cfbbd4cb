import { once } from 'node:events'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { startAdeService } from './ade/service.ts'
import { createApns } from './apns.ts'
import { createCourier } from './courier.ts'
import { createDesk } from './desk-http.ts'
import { type AppleAddress, openKeys, writeAddress } from './directory.ts'
import { openRegister } from './register.ts'

export type SoftwareApple = { address: AppleAddress; close(): Promise<void> }

/** Starts APNs, courier and attestation on free loopback ports and writes where they are. The caller holds the lock. */
export async function serveApple(options: { directory: string; now: () => Date }): Promise<SoftwareApple> {
  const { directory, now } = options
  const { authority, push, deviceCa } = openKeys(directory, now())
  const ade = await startAdeService({ now, file: join(directory, 'ade.json') })
  const register = openRegister(directory)
  const courier = createCourier(register, now)
  const desk = createDesk({ authority, register, courier, deviceCa, ade: ade.control, now })
  const apns = createApns({ push, findToken: register.findToken, deliver: courier.deliver, now })
  const deskPort = await listen(desk)
  const apnsPort = await listen(apns.server)
  const address: AppleAddress = {
    url: `https://127.0.0.1:${apnsPort}`,
    caPem: push.caPem,
    courierUrl: `ws://127.0.0.1:${deskPort}/courier`,
    attestUrl: `http://127.0.0.1:${deskPort}/attest`,
    manufactureUrl: `http://127.0.0.1:${deskPort}/manufacture`,
    activateUrl: `http://127.0.0.1:${deskPort}/activate`,
    adeUrl: ade.url,
    adeControlUrl: `http://127.0.0.1:${deskPort}/ade`,
    pid: process.pid,
  }
  writeAddress(directory, address)
  return {
    address,
    async close() {
      courier.close()
      desk.closeAllConnections()
      apns.close()
      await Promise.all([shut(desk), shut(apns.server), ade.close()])
    },
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new TypeError('not a TCP server')
  return bound.port
}

const shut = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()))
