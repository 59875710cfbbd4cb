import { createHash, createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import type { SecretBox } from '../secrets.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import {
  deletePushRequest,
  findPushRequest,
  insertPushRequest,
  markPushRequestSigned,
  type PushRequestRow,
  REQUEST_KEY,
} from '../store/push-requests.ts'
import { findWrappedKey, insertWrappedKey } from '../store/wrapped-keys.ts'
import { PushCertificateFault } from './certificate-fault.ts'
import { makeCertificateRequest } from './certificate-request.ts'
import { refuseOtherSecret } from './installed-certificate.ts'
import { readSignedRequest } from './signed-request.ts'

export type PushRequestDeps = { store: Store; secrets: SecretBox; clock: Clock }

export type Vendor = 'own' | 'elsewhere' | 'mdmcert'

/** What Apple's push certificates are made of; Apple takes no other. */
const RSA_BITS = 2048
const SUBJECT = `key:${REQUEST_KEY}`
const MAX_NAME = 64
const EMAIL = /^[!-?A-~]{1,64}@[A-Za-z0-9.-]{3,190}$/

/**
 * Makes the key and the request for Apple's push certificate. The key stays here, sealed; only the request leaves. While one is
 * under way there is no second: Apple's answer to the first could then never be used.
 */
export async function createPushRequest(
  deps: PushRequestDeps,
  wish: { organization: string; email: string; actor: Actor },
): Promise<PushRequestRow> {
  const organization = wish.organization.trim()
  const email = wish.email.trim()
  if (organization === '' || organization.length > MAX_NAME || !EMAIL.test(email)) throw new PushCertificateFault('bad_name')
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS })
  const csr = makeCertificateRequest(privateKey, { organization, email })
  const at = deps.clock.now()
  const secret = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }))
  await deps.store.$transaction(async (tx) => {
    await refuseOtherSecret(tx, deps.secrets)
    const isFirst = await insertPushRequest(tx, { csr, organization, email, createdAt: at, createdBy: wish.actor })
    if (!isFirst) throw new PushCertificateFault('request_pending')
    const envelope = deps.secrets.seal(SUBJECT, secret)
    await insertWrappedKey(tx, { name: REQUEST_KEY, envelope, public: null, createdAt: at })
    const detail = { organization, email, csrSha256: sha256Hex(csr) }
    await appendAudit(tx, { type: 'push-request.created', subject: SUBJECT, detail }, { actor: wish.actor, at })
  })
  return requirePushRequest(deps.store)
}

/** Throws `no_request`. */
export async function requirePushRequest(store: Store): Promise<PushRequestRow> {
  const request = await findPushRequest(store)
  if (request === undefined) throw new PushCertificateFault('no_request')
  return request
}

/** The key that Apple's certificate will be joined with; undefined while no request is under way. */
export async function findRequestKey(deps: Pick<PushRequestDeps, 'store' | 'secrets'>): Promise<KeyObject | undefined> {
  const row = await findWrappedKey(deps.store, REQUEST_KEY)
  if (row === undefined) return undefined
  const pkcs8 = Buffer.from(deps.secrets.open(SUBJECT, row.envelope))
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
}

/** Keeps what a vendor signed, once it is seen to be for this very request and to hold. Throws a PushCertificateFault. */
export async function keepSignedRequest(
  deps: PushRequestDeps,
  signed: { file: Uint8Array; vendor: Vendor; actor: Actor },
): Promise<{ signedRequest: string; vendorName: string }> {
  const { csr } = await requirePushRequest(deps.store)
  const { signedRequest, vendorName } = readSignedRequest(signed.file, csr)
  const at = deps.clock.now()
  await deps.store.$transaction(async (tx) => {
    if (!(await markPushRequestSigned(tx, { csr, vendor: signed.vendor, signedRequest, at }))) throw new PushCertificateFault('no_request')
    const detail = { vendor: signed.vendor, sha256: sha256Hex(Buffer.from(signedRequest, 'base64')) }
    await appendAudit(tx, { type: 'push-request.signed', subject: SUBJECT, detail }, { actor: signed.actor, at })
  })
  return { signedRequest, vendorName }
}

/** Forgets the request and its keys: a certificate that Apple gives for it is worth nothing afterwards. */
export async function discardPushRequest(deps: PushRequestDeps, actor: Actor): Promise<void> {
  const at = deps.clock.now()
  await deps.store.$transaction(async (tx) => {
    if (!(await deletePushRequest(tx))) throw new PushCertificateFault('no_request')
    await appendAudit(tx, { type: 'push-request.discarded', subject: SUBJECT, detail: {} }, { actor, at })
  })
}

const sha256Hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
