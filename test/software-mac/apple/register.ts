import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { join } from 'node:path'
import { readJson, writeJson } from '../durable-file.ts'

/** What Apple knows of the Macs it made: who they are, what it attested last, and under which tokens they are reached. */
export type MadeMac = {
  serial: string
  provisioningUdid: string
  softwareUpdateDeviceId: string
  /** T2 and Intel Macs: no attestation ever. */
  isAppleSilicon: boolean
  /** SubjectPublicKeyInfo (DER, base64) that this Mac signs its requests to Apple with. */
  factoryKey: string
  /** The last DeviceInformation attestation (reference: seven-day cache). */
  lastAttestation?: { chain: string[]; nonceHex: string; at: number; osVersion: string }
}

export type PushToken = { serial: string; topic: string; isActive: boolean; endedAt?: number }

export type Register = {
  /** `known`: the same Mac again. `taken`: this serial was made with another key. */
  manufacture(mac: MadeMac): 'made' | 'known' | 'taken'
  find(serial: string): MadeMac | undefined
  remember(serial: string, attestation: NonNullable<MadeMac['lastAttestation']>): void
  /** The token (hex) of a Mac for a topic; a new one after it had unregistered. */
  token(serial: string, topic: string): string
  findToken(token: string): PushToken | undefined
  unregister(serial: string, token: string, at: Date): void
}

type State = { macs: Record<string, MadeMac>; tokens: Record<string, PushToken> }

const MAX_MACS = 10_000

export function openRegister(directory: string): Register {
  const path = join(directory, 'register.json')
  const state = readJson<State>(path) ?? { macs: {}, tokens: {} }
  const save = () => writeJson(path, state)
  const find = (serial: string) => (Object.hasOwn(state.macs, serial) ? state.macs[serial] : undefined)
  return {
    find,
    manufacture(mac) {
      const known = find(mac.serial)
      if (known !== undefined) return known.factoryKey === mac.factoryKey ? 'known' : 'taken'
      if (Object.keys(state.macs).length >= MAX_MACS) throw new Error(`more than ${MAX_MACS} Macs`)
      state.macs[mac.serial] = mac
      save()
      return 'made'
    },
    remember(serial, attestation) {
      const mac = find(serial)
      if (mac === undefined) return
      mac.lastAttestation = attestation
      save()
    },
    token(serial, topic) {
      const live = Object.entries(state.tokens).find(([, token]) => token.serial === serial && token.topic === topic && token.isActive)
      if (live !== undefined) return live[0]
      const token = randomBytes(32).toString('hex')
      state.tokens[token] = { serial, topic, isActive: true }
      save()
      return token
    },
    findToken: (token) => (Object.hasOwn(state.tokens, token) ? state.tokens[token] : undefined),
    unregister(serial, token, at) {
      const known = state.tokens[token]
      if (known?.serial !== serial || !known.isActive) return
      state.tokens[token] = { ...known, isActive: false, endedAt: at.getTime() }
      save()
    },
  }
}

export type FactoryPurpose = 'attest' | 'courier' | 'activate'

/** Signed with the factory key: ECDSA P-256 / SHA-256 over purpose ‖ 0 ‖ bytes, DER. */
export function isFactorySigned(mac: MadeMac, purpose: FactoryPurpose, bytes: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(mac.factoryKey, 'base64'), format: 'der', type: 'spki' })
  return verify('sha256', factoryStatement(purpose, bytes), key, signature)
}

export const factoryStatement = (purpose: FactoryPurpose, bytes: Uint8Array) =>
  Buffer.concat([Buffer.from(`software apple ${purpose}`), Buffer.of(0), bytes])
