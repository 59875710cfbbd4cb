import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { p256Point, type Signer } from '#protocol/statements'
import { AgentError } from '../errors.ts'
import { ownCodeHash } from './code-hash.ts'
import type { Platform } from './platform.ts'
import { softwareKeychain } from './software-keychain.ts'
import { softwareSso } from './software-sso.ts'

/**
 * A Mac made of software, for evaluation and tests: a folder that stands for the machine.
 *   device.json                     what the hardware and macOS would say
 *   secure-enclave/agent-key.pem    the agent's key, made here at the first start
 *   managed/ticket.json             what the MDM profile with payload type dev.espalier.ticket delivered
 *   system-keychain/                certificates that CertificateList reports
 *   platform-sso.json               where its Platform SSO extension listens, if it has one
 */
const Device = z.object({
  serial: z.string().min(1).max(64),
  osVersion: z.string().max(32),
  osBuild: z.string().max(32),
  sip: z.boolean(),
  secureBoot: z.enum(['full', 'reduced', 'permissive']),
  rdma: z.boolean(),
  bootSession: z.string().max(64),
})

const Ticket = z.object({ ticketId: z.string(), ticket: z.base64() })

export async function openSoftwarePlatform(folder: string): Promise<Platform> {
  const { serial } = await readDevice(folder)
  return {
    kind: 'software',
    serial,
    signer: await openKey(join(folder, 'secure-enclave', 'agent-key.pem')),
    codeHash: await ownCodeHash(),
    teamId: null,
    async facts() {
      const device = await readDevice(folder)
      return {
        sipEnabled: device.sip,
        secureBoot: device.secureBoot,
        osVersion: device.osVersion,
        osBuild: device.osBuild,
        rdmaEnabled: device.rdma,
        bootSession: device.bootSession,
      }
    },
    readTicket: (ticketId) => readTicket(join(folder, 'managed', 'ticket.json'), ticketId),
    keychain: softwareKeychain(folder),
    sso: await softwareSso(folder),
  }
}

async function readDevice(folder: string): Promise<z.infer<typeof Device>> {
  try {
    return Device.parse(JSON.parse(await readFile(join(folder, 'device.json'), 'utf8')))
  } catch (cause) {
    throw new AgentError('device_unreadable', `${join(folder, 'device.json')} does not describe a Mac`, { cause })
  }
}

/** A file that is missing, half written or about another ticket is no ticket yet. */
async function readTicket(file: string, ticketId: string): Promise<Uint8Array | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const parsed = Ticket.safeParse(parseJson(text))
  if (!parsed.success || parsed.data.ticketId !== ticketId) return undefined
  return new Uint8Array(Buffer.from(parsed.data.ticket, 'base64'))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function openKey(file: string): Promise<Signer> {
  const existing = await readFile(file, 'utf8').catch(() => undefined)
  const key = existing === undefined ? await makeKey(file) : await readKey(file, existing)
  const publicKey = new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }))
  if (p256Point(publicKey) === undefined) throw new AgentError('agent_key_unusable', `${file} holds no P-256 key`)
  return {
    publicKey,
    sign: async (message) => new Uint8Array(sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' })),
  }
}

async function makeKey(file: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  // `wx`: of two agents that start at once, the second fails instead of replacing the first one's key.
  await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' })
  return privateKey
}

async function readKey(file: string, pem: string): Promise<KeyObject> {
  const { mode } = await stat(file)
  if ((mode & 0o077) !== 0) throw new AgentError('agent_key_unusable', `${file} can be read by others; run chmod 600 on it`)
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new AgentError('agent_key_unusable', `${file} is not a private key`, { cause })
  }
}
