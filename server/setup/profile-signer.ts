import { webcrypto, X509Certificate } from 'node:crypto'
import type { ProfileSigner } from '../../mdm/ports.ts'
import { decodePemCertificates } from '../attestation/pem.ts'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { SecretBox } from '../secrets.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { deleteWrappedKey, findWrappedKey, replaceWrappedKey } from '../store/wrapped-keys.ts'
import type { SignerState } from './facts.ts'
import { readSignerFile, whoVerifies } from './signer-file.ts'
import { nameOf, trustAnchors } from './trust-anchors.ts'

/** The company's own certificate that signs enrollment profiles: its key sealed, its chain (PEM) beside it. */
const ROW = 'company-profile-signer'
const SEALED = `key:${ROW}`

type Deps = { store: Store; secrets: SecretBox; clock: Clock }

/** Puts the company's certificate in the place of this installation's own key. Throws AppError with what is wrong with the file. */
export async function importProfileSigner(
  deps: Deps,
  upload: { file: Uint8Array; password: string | undefined; by: Actor },
): Promise<{ subject: string; notAfter: Date }> {
  const at = deps.clock.now()
  const { certificate, chain, key } = readSignerFile(upload.file, { password: upload.password, now: at })
  const pkcs8 = new Uint8Array(key.export({ format: 'der', type: 'pkcs8' }))
  const pem = [certificate, ...chain].map((each) => each.toString()).join('')
  const notAfter = new Date(certificate.validTo)
  await deps.store.$transaction(async (tx) => {
    const envelope = deps.secrets.seal(SEALED, pkcs8)
    await replaceWrappedKey(tx, { name: ROW, envelope, public: new TextEncoder().encode(pem), createdAt: at })
    const detail = { name: nameOf(certificate), expiresAt: notAfter.toISOString() }
    const subject = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
    await appendAudit(tx, { type: 'profile-signer.installed', subject, detail }, { actor: upload.by, at })
  })
  return { subject: nameOf(certificate), notAfter }
}

/** Profiles are signed by this installation's own key again. */
export async function removeProfileSigner(deps: Deps, by: Actor): Promise<void> {
  const at = deps.clock.now()
  await deps.store.$transaction(async (tx) => {
    if (!(await deleteWrappedKey(tx, ROW))) throw new AppError('not_found', { public: 'No certificate of the company’s own is installed.' })
    await appendAudit(tx, { type: 'profile-signer.removed', subject: ROW, detail: {} }, { actor: by, at })
  })
}

type Stored = { certificates: [X509Certificate, ...X509Certificate[]]; installedAt: Date; envelope: Uint8Array }

async function find({ store }: Pick<Deps, 'store'>): Promise<Stored | undefined> {
  const row = await findWrappedKey(store, ROW)
  if (row === undefined) return undefined
  const [leaf, ...chain] = (decodePemCertificates(new TextDecoder().decode(row.public ?? new Uint8Array())) ?? []).map(
    (der) => new X509Certificate(der),
  )
  if (leaf === undefined) throw new TypeError(`the key ${ROW} was stored without its certificate`)
  return { certificates: [leaf, ...chain], installedAt: row.createdAt, envelope: row.envelope }
}

/** What signs the next profile. Undefined: none was given, or it has expired; then this installation's own key signs. */
export async function findProfileSigner(deps: Deps): Promise<ProfileSigner | undefined> {
  const stored = await find(deps)
  if (stored === undefined || deps.clock.now() >= new Date(stored.certificates[0].validTo)) return undefined
  const [certificate, ...chain] = stored.certificates
  const { publicKey } = certificate
  const algorithm =
    publicKey.asymmetricKeyType === 'rsa'
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : { name: 'ECDSA', namedCurve: publicKey.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'P-384' : 'P-256' }
  const pkcs8 = new Uint8Array(deps.secrets.open(SEALED, stored.envelope))
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign'])
  return { certificate: new Uint8Array(certificate.raw), chain: chain.map(({ raw }) => new Uint8Array(raw)), privateKey }
}

/** Null: this installation's own key signs. */
export async function readProfileSigner(deps: Deps): Promise<SignerState | null> {
  const stored = await find(deps)
  if (stored === undefined) return null
  const [certificate, ...chain] = stored.certificates
  const notAfter = new Date(certificate.validTo)
  return {
    subject: nameOf(certificate),
    issuer: certificate.issuer.split('\n').join(', ').slice(0, 200),
    notAfter,
    installedAt: stored.installedAt,
    isExpired: deps.clock.now() >= notAfter,
    verifiedBy: whoVerifies({ certificate, chain }, await trustAnchors(deps)),
  }
}
