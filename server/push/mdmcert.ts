import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import forge from 'node-forge'
import type { Actor } from '../audit/events.ts'
import { appendAudit } from '../store/audit.ts'
import { MAIL_KEY, markPushRequestSent, REQUEST_KEY } from '../store/push-requests.ts'
import { findWrappedKey, replaceWrappedKey } from '../store/wrapped-keys.ts'
import { PushCertificateFault } from './certificate-fault.ts'
import { fromBinary, pem, requestPem, toBinary } from './certificate-request.ts'
import { keepSignedRequest, type PushRequestDeps, requirePushRequest } from './push-request.ts'

/** Signs requests for whoever has registered with it; the answer comes by mail, encrypted to us. Used only when somebody chooses it. */
const MDMCERT_URL = 'https://mdmcert.download/api/v1/signrequest'

const SEALED = `key:${MAIL_KEY}`
const TIMEOUT_MS = 20_000
const MAX_ANSWER_BYTES = 16 * 1024
const MAX_MAIL_BYTES = 1024 * 1024
/** The mail comes within minutes; nobody looks at this certificate after that. */
const MAIL_CERTIFICATE_DAYS = 30

export type MdmcertDeps = PushRequestDeps & {
  /** Where requests go. */
  url?: string
}

/** Sends the request under way to mdmcert.download. The key that its answer is encrypted to is made here and kept sealed. */
export async function sendToMdmcert(deps: MdmcertDeps, wish: { apiKey: string; email?: string; actor: Actor }): Promise<{ email: string }> {
  const request = await requirePushRequest(deps.store)
  const email = wish.email ?? request.email
  const mailKey = await loadOrMakeMailKey(deps)
  const url = deps.url ?? MDMCERT_URL
  await post(url, {
    csr: Buffer.from(requestPem(request.csr)).toString('base64'),
    email,
    key: wish.apiKey,
    encrypt: Buffer.from(pem('CERTIFICATE', mailKey.certificate)).toString('base64'),
  })
  const at = deps.clock.now()
  await deps.store.$transaction(async (tx) => {
    if (!(await markPushRequestSent(tx, request.csr, at))) throw new PushCertificateFault('no_request')
    const detail = { host: new URL(url).host, email }
    await appendAudit(tx, { type: 'push-request.sent', subject: `key:${REQUEST_KEY}`, detail }, { actor: wish.actor, at })
  })
  return { email }
}

/** Opens the attachment of mdmcert.download's mail and keeps the signed request in it. */
export async function openMdmcertMail(
  deps: PushRequestDeps,
  mail: { file: Uint8Array; actor: Actor },
): Promise<{ signedRequest: string; vendorName: string }> {
  await requirePushRequest(deps.store)
  const kept = await findWrappedKey(deps.store, MAIL_KEY)
  if (kept === undefined) throw new PushCertificateFault('mail_not_for_us')
  const key = createPrivateKey({ key: Buffer.from(deps.secrets.open(SEALED, kept.envelope)), format: 'der', type: 'pkcs8' })
  const file = decryptMail(mail.file, { key, certificate: kept.public as Uint8Array })
  return keepSignedRequest(deps, { file, vendor: 'mdmcert', actor: mail.actor })
}

type MailKey = { key: KeyObject; certificate: Uint8Array }

/**
 * CMS EnvelopedData (RFC 5652 §6) to our RSA key. The attachment is that DER in hexadecimal; base64, PEM and the bare DER are taken as
 * well, since mail programs turn one into another.
 */
export function decryptMail(file: Uint8Array, { key, certificate }: MailKey): Uint8Array {
  if (file.length > MAX_MAIL_BYTES) throw new PushCertificateFault('mail_malformed')
  const enveloped = readEnveloped(toDer(file))
  const ours = forge.pki.certificateFromPem(pem('CERTIFICATE', certificate))
  const recipient = enveloped.findRecipient(ours)
  if (recipient === null || recipient === undefined) throw new PushCertificateFault('mail_not_for_us')
  try {
    enveloped.decrypt(recipient, forge.pki.privateKeyFromPem(key.export({ format: 'pem', type: 'pkcs1' }).toString()))
  } catch (cause) {
    throw new PushCertificateFault('mail_not_for_us', { cause })
  }
  const content = enveloped.content as forge.util.ByteStringBuffer | string | undefined
  const text = typeof content === 'string' ? content : content?.getBytes()
  if (text === undefined || text === '') throw new PushCertificateFault('mail_not_for_us')
  return fromBinary(text)
}

/** As much of node-forge's message as is used here; its own types know neither `type` nor `findRecipient`'s argument. */
type Enveloped = {
  type?: string
  content?: unknown
  findRecipient(certificate: forge.pki.Certificate): object | null | undefined
  decrypt(recipient: object, key: forge.pki.PrivateKey): void
}

function readEnveloped(der: Uint8Array): Enveloped {
  try {
    const message = forge.pkcs7.messageFromAsn1(forge.asn1.fromDer(toBinary(der))) as unknown as Enveloped
    if (message.type === forge.pki.oids.envelopedData) return message
  } catch (cause) {
    throw new PushCertificateFault('mail_malformed', { cause })
  }
  throw new PushCertificateFault('mail_malformed')
}

function toDer(file: Uint8Array): Uint8Array {
  if (file[0] === 0x30) return file
  const text = Buffer.from(file).toString('latin1').trim()
  const packed = text.replace(/-----[A-Z0-9 ]+-----/g, '').replace(/\s+/g, '')
  if (/^(?:[0-9a-fA-F]{2})+$/.test(packed)) return new Uint8Array(Buffer.from(packed, 'hex'))
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(packed)) return new Uint8Array(Buffer.from(packed, 'base64'))
  throw new PushCertificateFault('mail_malformed')
}

async function loadOrMakeMailKey(deps: PushRequestDeps): Promise<MailKey> {
  const kept = await findWrappedKey(deps.store, MAIL_KEY)
  if (kept !== undefined) {
    const pkcs8 = Buffer.from(deps.secrets.open(SEALED, kept.envelope))
    return { key: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), certificate: kept.public as Uint8Array }
  }
  const made = makeMailKey(deps.clock.now())
  const pkcs8 = new Uint8Array(made.key.export({ format: 'der', type: 'pkcs8' }))
  const envelope = deps.secrets.seal(SEALED, pkcs8)
  await replaceWrappedKey(deps.store, { name: MAIL_KEY, envelope, public: made.certificate, createdAt: deps.clock.now() })
  return made
}

/** A certificate that nobody vouches for: it only carries the key that the mail is encrypted to. */
export function makeMailKey(now: Date): MailKey {
  const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const privateKey = forge.pki.privateKeyFromPem(key.export({ format: 'pem', type: 'pkcs1' }).toString())
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e)
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(15))}`
  certificate.validity.notBefore = new Date(now.getTime() - 3600_000)
  certificate.validity.notAfter = new Date(now.getTime() + MAIL_CERTIFICATE_DAYS * 24 * 3600_000)
  const name = [{ name: 'commonName', value: 'Espalier push request' }]
  certificate.setSubject(name)
  certificate.setIssuer(name)
  certificate.sign(privateKey, forge.md.sha256.create())
  return { key, certificate: fromBinary(forge.asn1.toDer(forge.pki.certificateToAsn1(certificate)).getBytes()) }
}

async function post(url: string, body: { csr: string; email: string; key: string; encrypt: string }): Promise<void> {
  let answer: Response
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      // What is sent names the customer: it goes to the host that was chosen, and nowhere that one points to.
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
  } catch (cause) {
    throw new PushCertificateFault('mdmcert_unreachable', { cause })
  }
  const text = await readBounded(answer)
  const result = readResult(text)
  if (answer.ok && (result === undefined || result === 'success')) return
  const said = (result ?? `HTTP ${answer.status}`).slice(0, 200)
  throw new PushCertificateFault('mdmcert_refused', {
    text: `mdmcert.download did not take the request: “${said}”. Check that the email address is registered there and that the API key is yours.`,
  })
}

/** `{"result":"success"}`, or the reason in its place. */
function readResult(text: string): string | undefined {
  try {
    const { result } = JSON.parse(text) as { result?: unknown }
    return typeof result === 'string' ? result : undefined
  } catch {
    return undefined
  }
}

async function readBounded(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > MAX_ANSWER_BYTES) break
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
