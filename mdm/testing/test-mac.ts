import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { Pkcs10CertificateRequestGenerator, X509Certificate } from '@peculiar/x509'
import { fromBER, type OctetString } from 'asn1js'
import { ContentInfo, SignedData } from 'pkijs'
import { parsePlistDict } from '../plist/parse-plist.ts'
import { arrayAt, type PlistDict, type PlistValue, plistDict, stringAt } from '../plist/value.ts'
import { writePlistBytes } from '../plist/write-plist.ts'
import type { Mdm, RawReply } from '../ports.ts'
import { type AcmeClient, createAcmeClient } from './acme-client.ts'
import { signDetached } from './sign-detached.ts'

export type Identity = { certificate: Uint8Array; privateKey: webcrypto.CryptoKey }
/** What the Mac shows for a key of its own and the challenge's token. */
type Attest = (spki: Uint8Array, token: string) => Uint8Array
type Place = { mdm: Mdm; publicUrl: string; topic: string; attest?: Attest }

const spkiAlone: Attest = (spki) => spki

export type TestMac = ReturnType<typeof createTestMac>

/**
 * The least Mac that mdm's own tests need. Its "attestation" is its SPKI in the clear, which the tests' judge hands back: what
 * an attestation must contain is judged elsewhere.
 */
export function createTestMac({ mdm, publicUrl, topic, attest = spkiAlone }: Place, serial: string, udid = `UDID-${serial}`) {
  let identity: Identity | undefined
  const send = async (path: string, message: Record<string, PlistValue | undefined>, signer = identity): Promise<RawReply> => {
    if (signer === undefined) throw new Error('this Mac has no identity yet')
    const body = writePlistBytes(plistDict(message))
    return deliver(mdm, path, body, await signDetached(body, signer))
  }
  const checkin = (message: Record<string, PlistValue | undefined>, signer = identity) =>
    send('/mdm/checkin', { UDID: udid, ...message }, signer)
  const connect = async (message: Record<string, PlistValue | undefined>, signer = identity) =>
    readCommand(await send('/mdm/connect', { UDID: udid, ...message }, signer))
  return {
    serial,
    udid,
    identity: () => identity,
    use: (other: Identity) => {
      identity = other
    },
    /** What an ACME payload gives, with nothing changed on this Mac yet. */
    obtain: async (profile: Profile): Promise<Identity> => {
      const client = await createAcmeClient(mdm, publicUrl)
      await client.register()
      return runAcme(client, { publicUrl, attest }, profile)
    },
    fetchProfile: async (code: string) => readProfile(await mdm.handleEnroll(get(`/enroll/${code}`))),
    obtainIdentity: async (profile: Profile) => {
      const client = await createAcmeClient(mdm, publicUrl)
      await client.register()
      identity = await runAcme(client, { publicUrl, attest }, profile)
    },
    checkin,
    authenticate: (facts: Record<string, PlistValue | undefined> = {}) =>
      checkin({ MessageType: 'Authenticate', Topic: topic, SerialNumber: serial, DeviceName: 'Test Mac', OSVersion: '26.1', ...facts }),
    tokenUpdate: (facts: Record<string, PlistValue | undefined> = {}) =>
      checkin({ MessageType: 'TokenUpdate', Topic: topic, Token: Uint8Array.of(1, 2, 3), PushMagic: `magic-${serial}`, ...facts }),
    connect,
    idle: () => connect({ Status: 'Idle' }),
  }
}

const get = (path: string) => ({ method: 'GET', path, headers: {}, body: new Uint8Array() })

function deliver(mdm: Mdm, path: string, body: Uint8Array, signature: Uint8Array): Promise<RawReply> {
  const request = { method: 'PUT', path, headers: { 'mdm-signature': Buffer.from(signature).toString('base64') }, body }
  return path === '/mdm/checkin' ? mdm.handleCheckin(request) : mdm.handleConnect(request)
}

export type Profile = { plist: PlistDict; clientIdentifier: string; commonName: string; bytes: Uint8Array }

/** The signed content, without checking the signature: `openssl cms` does that elsewhere. */
function readProfile(reply: RawReply): Profile | { status: number } {
  return reply.status === 200 ? readSignedProfile(reply.body) : { status: reply.status }
}

export function readSignedProfile(bytes: Uint8Array): Profile {
  const info = new ContentInfo({ schema: fromBER(new Uint8Array(bytes)).result })
  const content = new SignedData({ schema: info.content }).encapContentInfo.eContent as OctetString
  return readPlainProfile(new Uint8Array(content.getValue()), bytes)
}

export function readPlainProfile(plain: Uint8Array, bytes = plain): Profile {
  const parsed = parsePlistDict(plain)
  if (!parsed.ok) throw new Error(parsed.detail)
  const acme = arrayAt(parsed.value, 'PayloadContent')?.[0]
  if (!(acme instanceof Map)) throw new Error('no ACME payload')
  const subject = (acme.get('Subject') ?? []) as string[][][]
  return {
    plist: parsed.value,
    clientIdentifier: stringAt(acme, 'ClientIdentifier') ?? '',
    commonName: subject[0]?.[0]?.[1] ?? '',
    bytes,
  }
}

async function runAcme(
  client: AcmeClient,
  { publicUrl, attest }: Required<Pick<Place, 'publicUrl' | 'attest'>>,
  profile: Profile,
): Promise<Identity> {
  const keys = await newIdentityKey()
  const spki = new Uint8Array(await webcrypto.subtle.exportKey('spki', keys.publicKey))
  const order = await client.post(`${publicUrl}/acme/new-order`, { identifiers: [identifierOf(profile)] })
  if (order.json.authorizations === undefined) throw new Error(`order: ${order.text}`)
  const authz = await client.post((order.json.authorizations as string[])[0] ?? '', '')
  const challenge = (authz.json.challenges as { url: string; token: string }[])[0]
  const attObj = attest(spki, challenge?.token ?? '')
  const answered = await client.post(challenge?.url ?? '', { attObj: Buffer.from(attObj).toString('base64url') })
  if (answered.json.status !== 'valid') throw new Error(`challenge: ${answered.text}`)
  const finalized = await client.post(String(order.json.finalize), { csr: await newCsr(keys, profile.commonName) })
  const chain = await client.post(String(finalized.json.certificate), '')
  const leaf = new X509Certificate(chain.text.slice(0, chain.text.indexOf('-----END CERTIFICATE-----') + 25))
  return { certificate: new Uint8Array(leaf.rawData), privateKey: keys.privateKey }
}

export const identifierOf = (profile: Profile) => ({ type: 'permanent-identifier', value: profile.clientIdentifier })

export const newIdentityKey = () => webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify'])

export async function newCsr(keys: webcrypto.CryptoKeyPair, commonName: string): Promise<string> {
  const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-384' }
  const request = await Pkcs10CertificateRequestGenerator.create({ name: [{ CN: [commonName] }], keys, signingAlgorithm })
  return Buffer.from(request.rawData).toString('base64url')
}

export type ReceivedCommand = { status: number; uuid: string | undefined; requestType: string | undefined; command: PlistDict | undefined }

function readCommand(reply: RawReply): ReceivedCommand {
  if (reply.status !== 200 || reply.body.length === 0)
    return { status: reply.status, uuid: undefined, requestType: undefined, command: undefined }
  const parsed = parsePlistDict(reply.body)
  if (!parsed.ok) throw new Error(parsed.detail)
  const command = parsed.value.get('Command')
  if (!(command instanceof Map)) throw new Error('no Command')
  return { status: 200, uuid: stringAt(parsed.value, 'CommandUUID'), requestType: stringAt(command, 'RequestType'), command }
}
