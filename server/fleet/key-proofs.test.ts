import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId, type SessionId } from '#protocol/ids'
import { keyAttestationClientData, publishedKeyName, type Signer } from '#protocol/statements'
import { keyCertificate } from '../../agent/identity/key-certificate.ts'
import { issueAttestation } from '../../test/software-mac/apple/authority.ts'
import { authority, facts } from '../../test/support/trust-evidence.ts'
import { Policy } from '../attestation/policy.ts'
import { createP256Signer } from '../gateway/testing/scripted-agent.ts'
import { publishedKey } from './key-proofs.ts'
import type { KeyProofOffer } from './ports.ts'
import { type FleetHouse, policy, sha256, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

let house: FleetHouse
let inForce: Policy = policy
let serials = 0
beforeAll(async () => {
  house = await startFleetHouse({ policy: () => inForce })
})
afterAll(() => house.close())

async function enrolled(minimumKeyBinding: Policy['minimumKeyBinding'] = 'ticket'): Promise<FleetMac & { signer: Signer }> {
  inForce = Policy.parse({ ...policy, minimumKeyBinding })
  const mac = await enrollMac(house, `KEYPROOF${String(serials++).padStart(4, '0')}`)
  const signer = createP256Signer()
  mac.agentKey = signer.publicKey
  return Object.assign(mac, { signer })
}

async function trusted(minimum: Policy['minimumKeyBinding'] = 'ticket'): Promise<FleetMac & { signer: Signer }> {
  const mac = await enrolled()
  await mac.becomeTrusted()
  house.clock.advance(1000)
  inForce = Policy.parse({ ...policy, minimumKeyBinding: minimum })
  await mac.answer()
  return mac
}

const BOTH: KeyProofOffer[] = ['mdm-signed', 'apple']
const ask = (mac: FleetMac, offers = BOTH, agentKey = mac.agentKey) => house.fleet.desk.chooseKeyProofs({ mac: mac.id, agentKey, offers })
const certificate = (signer: Signer, nonce: Uint8Array) =>
  keyCertificate({ signer, commonName: publishedKeyName(nonce), now: house.clock.now().getTime() })
const boundKey = (mac: FleetMac) => house.store.agentKey.findFirst({ where: { macId: mac.id, revokedAt: null } })
const verdict = (mac: FleetMac) => house.store.verdict.findFirst({ where: { macId: mac.id }, orderBy: { sequence: 'desc' } })

/** The name that this Mac's agent is asked to publish its key under. */
async function nonceFor(mac: FleetMac, agentKey = mac.agentKey): Promise<Uint8Array> {
  const [asked] = await ask(mac, ['mdm-signed'], agentKey)
  if (asked?.type !== 'publish-key') throw new Error(`not asked to publish: ${asked?.type}`)
  return asked.nonce
}

async function publish(mac: FleetMac, signer: Signer, nonce: Uint8Array): Promise<void> {
  const der = await certificate(signer, nonce)
  mac.keychain.push(der)
  await house.fleet.desk.keyPublished({ mac: mac.id, agentKey: signer.publicKey, certificate: der })
}

describe('what a session is asked for', () => {
  test('is nothing while the policy is content with the ticket', async () => {
    expect(await ask(await trusted('ticket'))).toEqual([])
  })

  test.each([
    ['mdm-signed', BOTH, 'publish-key'],
    ['mdm-signed', ['apple'], 'attest-key'],
    ['apple', BOTH, 'attest-key'],
    ['apple', ['mdm-signed'], 'publish-key'],
  ] as const)('for a policy of %s and an agent that offers %s is %s', async (minimum, offers, type) => {
    expect(await ask(await trusted(minimum), [...offers])).toMatchObject([{ type }])
  })

  test('is nothing of a stranger while the bound key answers', async () => {
    const mac = await trusted('mdm-signed')
    expect(await ask(mac, BOTH, createP256Signer().publicKey)).toEqual([])
  })

  test('is one and the same name for everyone while it is open', async () => {
    const mac = await enrolled('mdm-signed')
    expect(await nonceFor(mac)).toEqual(Uint8Array.from(await nonceFor(mac, createP256Signer().publicKey)))
  })
})

describe('level mdm-signed', () => {
  test('binds the key that the Mac’s MDM client reports, and keeps the reply and its signature', async () => {
    const mac = await trusted('mdm-signed')
    expect((await verdict(mac))?.reasons).toEqual(['KEY_BINDING_TOO_WEAK'])
    await publish(mac, mac.signer, await nonceFor(mac))
    expect(await mac.work()).toEqual(['CertificateList'])
    const key = await boundKey(mac)
    expect(key).toMatchObject({ level: 'mdm_signed', spki: Uint8Array.from(mac.agentKey) })
    const kinds = await house.store.evidence.findMany({ where: { digest: { in: [key?.evidenceDigest, key?.signatureDigest] as never } } })
    expect(kinds.map(({ kind }) => kind).sort()).toEqual(['certificate-list-reply', 'mdm-signature'])
    expect(await verdict(mac)).toMatchObject({ trust: 'trusted', keyBinding: 'mdm-signed' })
    expect(await ask(mac)).toEqual([])
  })

  test('binds a key that never proved a ticket, and tells its session', async () => {
    const mac = await enrolled('mdm-signed')
    await mac.work()
    await publish(mac, mac.signer, await nonceFor(mac))
    await mac.work()
    expect(house.told).toContainEqual({ what: 'key', mac: mac.id, agentKey: Uint8Array.from(mac.agentKey) })
    expect(await house.fleet.desk.identify({ serial: mac.serial, agentKey: mac.agentKey })).toMatchObject({ key: { state: 'bound' } })
    await mac.connect()
    await mac.work()
    expect(await verdict(mac)).toMatchObject({ trust: 'trusted', keyBinding: 'mdm-signed' })
  })

  test('the relay fails: X registers its key under M’s serial, and M’s keychain does not hold it', async () => {
    const mac = await enrolled('mdm-signed')
    await mac.work()
    const x = createP256Signer()
    const nonce = await nonceFor(mac, x.publicKey)
    await house.fleet.desk.keyPublished({ mac: mac.id, agentKey: x.publicKey, certificate: await certificate(x, nonce) })
    expect(await mac.work()).toEqual(['CertificateList'])
    expect(await boundKey(mac)).toBeNull()
  })

  test('the certificate of an old name binds nothing', async () => {
    const mac = await enrolled('mdm-signed')
    await mac.work()
    const old = await nonceFor(mac)
    mac.keychain.push(await certificate(mac.signer, old))
    house.clock.advance(31 * 60_000)
    const nonce = await nonceFor(mac)
    expect(Buffer.from(nonce).equals(old)).toBe(false)
    await house.fleet.desk.keyPublished({ mac: mac.id, agentKey: mac.agentKey, certificate: await certificate(mac.signer, nonce) })
    await mac.work()
    expect(await boundKey(mac)).toBeNull()
  })

  test('another Mac’s list binds nothing here, nor there', async () => {
    const [m, x] = [await enrolled('mdm-signed'), await enrolled('mdm-signed')]
    for (const mac of [m, x]) await mac.work()
    await nonceFor(x)
    const nonce = await nonceFor(m)
    const der = await certificate(x.signer, nonce)
    x.keychain.push(der)
    await house.fleet.desk.keyPublished({ mac: m.id, agentKey: x.agentKey, certificate: der })
    await house.mdm.enqueue(x.enrollmentId, (await import('../../mdm/commands/certificate-list.ts')).certificateList(), { ttlMs: 60_000 })
    await x.work()
    await m.work()
    expect([await boundKey(m), await boundKey(x)]).toEqual([null, null])
  })

  test('two keys under one name bind neither', async () => {
    const mac = await enrolled('mdm-signed')
    await mac.work()
    const nonce = await nonceFor(mac)
    mac.keychain.push(await certificate(createP256Signer(), nonce))
    await publish(mac, mac.signer, nonce)
    await mac.work()
    expect(await boundKey(mac)).toBeNull()
  })

  test('a key that is another Mac’s is never bound', async () => {
    const owner = await trusted()
    const mac = await enrolled('mdm-signed')
    await mac.work()
    await publish(mac, owner.signer, await nonceFor(mac))
    await mac.work()
    expect(await boundKey(mac)).toBeNull()
    expect(await boundKey(owner)).toMatchObject({ spki: Uint8Array.from(owner.agentKey) })
  })

  test('a name binds once', async () => {
    const mac = await enrolled('mdm-signed')
    await mac.work()
    const nonce = await nonceFor(mac)
    await publish(mac, mac.signer, nonce)
    await mac.work()
    mac.keychain = [await certificate(createP256Signer(), nonce)]
    await house.mdm.enqueue(mac.enrollmentId, (await import('../../mdm/commands/certificate-list.ts')).certificateList(), { ttlMs: 60_000 })
    await mac.work()
    expect(await boundKey(mac)).toMatchObject({ spki: Uint8Array.from(mac.agentKey) })
  })

  test('a weaker proof of the same key takes nothing from its level', async () => {
    const mac = await trusted('mdm-signed')
    await publish(mac, mac.signer, await nonceFor(mac))
    await mac.work()
    await house.fleet.desk.livenessLost({ mac: mac.id, session: mac.session, reason: 'CHALLENGE_MISSED' })
    await house.store.agentKey.updateMany({ where: { macId: mac.id }, data: {} })
    const { bindAgentKey } = await import('../store/agent-keys.ts')
    const again = { mac: mac.id, enrollmentId: mac.enrollmentId, spki: mac.agentKey, provedAt: house.clock.now() }
    expect(await bindAgentKey(house.store, { ...again, proof: { level: 'ticket', ticketId: 'tkt_1' } })).toBe(true)
    expect(await boundKey(mac)).toMatchObject({ level: 'mdm_signed' })
  })
})

describe('a published certificate counts only', () => {
  const nonce = new Uint8Array(32).fill(7)
  const name = publishedKeyName(nonce)
  const good = () => keyCertificate({ signer: createP256Signer(), commonName: name, now: Date.now() })

  test('when it is well made', async () => {
    const signer = createP256Signer()
    expect(publishedKey(await keyCertificate({ signer, commonName: name, now: Date.now() }), name)).toEqual(signer.publicKey)
  })

  test('under exactly its name', async () => {
    expect(publishedKey(await good(), publishedKeyName(randomBytes(32)))).toBeUndefined()
  })

  test('signed by the key that it holds', async () => {
    const [one, other] = [createP256Signer(), createP256Signer()]
    const forged = await keyCertificate({ signer: { publicKey: one.publicKey, sign: other.sign }, commonName: name, now: Date.now() })
    expect(publishedKey(forged, name)).toBeUndefined()
  })

  test('without anything behind it', async () => {
    expect(publishedKey(Buffer.concat([await good(), Buffer.of(0)]), name)).toBeUndefined()
  })

  test('when it is a certificate at all', () => {
    expect(publishedKey(randomBytes(100), name)).toBeUndefined()
  })
})

describe('level apple', () => {
  type Changes = { serial?: string; udid?: string; key?: Uint8Array; nonce?: Uint8Array; session?: SessionId }
  const prove = (mac: FleetMac, changes: Changes = {}, agentKey = mac.agentKey) => {
    const asked = { mac: mac.id, session: mac.session, nonce: new Uint8Array(randomBytes(32)), agentKey }
    const clientData = keyAttestationClientData({ ...asked, ...changes })
    const about = { serial: changes.serial ?? mac.serial, udid: changes.udid ?? mac.udid, now: house.clock.now() }
    const chain = issueAttestation(
      authority,
      facts({ ...about, leafPublicKeySpki: changes.key ?? agentKey, freshness: sha256(clientData) }),
    )
    return house.fleet.desk.keyAttested({ ...asked, chain })
  }

  test('binds the key that Apple attests, keeping chain and client data', async () => {
    const mac = await trusted('apple')
    expect(await prove(mac)).toBe(true)
    const key = await boundKey(mac)
    expect(key).toMatchObject({ level: 'apple', spki: Uint8Array.from(mac.agentKey) })
    expect(key?.chain.length).toBeGreaterThan(1)
    expect(await verdict(mac)).toMatchObject({ trust: 'trusted', keyBinding: 'apple' })
  })

  test.each([
    ['another Mac', { serial: 'OTHERMAC0001' }],
    ['another UDID', { udid: '00006030-FFFFFFFFFFFFFFFF' }],
    ['another nonce', { nonce: new Uint8Array(32) }],
    ['another session', { session: newId<SessionId>('ses') }],
    ['another key', { key: createP256Signer().publicKey }],
  ] as [string, Changes][])('is refused for the chain of %s', async (_, changes) => {
    const mac = await trusted('apple')
    expect(await prove(mac, changes)).toBe(false)
    expect(await boundKey(mac)).toMatchObject({ level: 'ticket' })
  })

  test('a refusal is noted once an hour for each reason, however often a stranger is refused', async () => {
    const mac = await trusted('apple')
    const noted = () => house.store.macEvent.findMany({ where: { macId: mac.id, type: 'key-proof-refused' }, orderBy: { sequence: 'asc' } })
    for (const _ of [1, 2, 3]) expect(await prove(mac, { serial: 'OTHERMAC0001' }, createP256Signer().publicKey)).toBe(false)
    expect(await prove(mac, { nonce: new Uint8Array(32) })).toBe(false)
    expect((await noted()).map(({ detail }) => (detail as { reason: string }).reason)).toEqual(['SERIAL_MISMATCH', 'FRESHNESS_MISMATCH'])
    house.clock.advance(3600_000)
    expect(await prove(mac, { serial: 'OTHERMAC0001' })).toBe(false)
    expect(await noted()).toHaveLength(3)
  })

  test('the relay fails: X has its key attested on X and offers it as M’s', async () => {
    const [m, x] = [await enrolled('apple'), await enrolled('apple')]
    for (const mac of [m, x]) await mac.work()
    expect(await prove(m, { serial: x.serial, udid: x.udid }, x.agentKey)).toBe(false)
    expect(await boundKey(m)).toBeNull()
  })

  test('binds a key that never proved a ticket', async () => {
    const mac = await enrolled('apple')
    await mac.work()
    expect(await prove(mac)).toBe(true)
    expect(await boundKey(mac)).toMatchObject({ level: 'apple' })
  })
})
