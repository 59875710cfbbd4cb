import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { pino } from 'pino'
import { fromBase64url } from '#protocol/bytes'
import { openRevocationList, revokedMac } from '#protocol/revocations'
import { createSimEngine } from '../../../agent/engine/sim.ts'
import { ownCodeHash } from '../../../agent/identity/code-hash.ts'
import type { Platform } from '../../../agent/identity/platform.ts'
import type { LinkDeps } from '../../../agent/link/driver.ts'
import { createKeyRing } from '../../../agent/link/key-ring.ts'
import { keepConnected } from '../../../agent/link/reconnect.ts'
import { runSession } from '../../../agent/link/session.ts'
import type { Revocations } from '../../../agent/revocations/revocations.ts'
import { AGENT_VERSION } from '../../../agent/version.ts'
import type { Device } from '../../software-mac/mac/device.ts'

/** What thousands of agents in one process share: the code, and an engine that nobody asks for anything. */
export type AgentCommons = { codeHash: string; engine: LinkDeps['engine']; modelNews: EventTarget; log: LinkDeps['log'] }

export async function agentCommons(): Promise<AgentCommons> {
  const engine = createSimEngine({ slots: 4, ttftMs: 10, itlMs: 10, contextTokens: 8192 })
  await engine.load({ name: 'load-test', directory: '' })
  return { codeHash: await ownCodeHash(), engine, modelNews: new QuietTarget(), log: pino({ level: 'silent' }) }
}

/** No model ever has news here; thousands of listeners on one target would be warned about. */
class QuietTarget extends EventTarget {
  override addEventListener(): void {}
}

export type AgentNews = Parameters<LinkDeps['report']>[0]

/** The agent as it ships: its link, its state machine, its key ring, its way of coming back. Only the machine under it is memory. */
export function createAgent(options: {
  commons: AgentCommons
  url: string
  device: () => Device
  readTicket: (id: string) => Uint8Array | undefined
  report: (news: AgentNews) => void
}): { run(signal: AbortSignal): Promise<void> } {
  const { commons } = options
  const platform = memoryPlatform(options)
  const now = () => Date.now()
  const deps: LinkDeps = {
    url: options.url,
    platform,
    engine: commons.engine,
    keys: createKeyRing({ signer: platform.signer, build: `${AGENT_VERSION}+${commons.codeHash.slice(0, 12)}`, now }),
    revocations: memoryRevocations(),
    log: commons.log,
    now,
    modelNews: commons.modelNews,
    report: options.report,
  }
  return { run: (signal) => keepConnected(() => runSession(deps, signal), signal) }
}

function memoryPlatform({ commons, device, readTicket }: Parameters<typeof createAgent>[0]): Platform {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  return {
    kind: 'software',
    serial: device().serial,
    signer: {
      publicKey: new Uint8Array(createPublicKey(privateKey).export({ type: 'spki', format: 'der' })),
      sign: async (message) => new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
    },
    codeHash: commons.codeHash,
    teamId: null,
    async facts() {
      const { sip, secureBoot, osVersion, osBuild, rdma, bootSession } = device()
      return { sipEnabled: sip, secureBoot, osVersion, osBuild, rdmaEnabled: rdma, bootSession }
    },
    readTicket: async (id) => readTicket(id),
    keychain: undefined,
    sso: undefined,
  }
}

/** As the agent's own, without the file. */
function memoryRevocations(): Revocations {
  let held: { number: number; macs: string[]; signed: Parameters<Revocations['take']>[0] } | undefined
  return {
    get number() {
      return held?.number
    },
    get signed() {
      return held?.signed
    },
    isRevoked: (serial) => held?.macs.includes(revokedMac(serial)) === true,
    async take(signed) {
      const list = openRevocationList(fromBase64url(signed.key ?? '') ?? new Uint8Array(), signed)
      if (list === undefined) return 'unsigned'
      if (held !== undefined && list.number <= held.number) return list.number < held.number ? 'older' : 'held'
      held = { number: list.number, macs: list.macs, signed }
      return 'taken'
    },
  }
}
