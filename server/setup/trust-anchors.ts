import { randomBytes, X509Certificate } from 'node:crypto'
import { hex } from '#protocol/bytes'
import { signContent } from '../../mdm/cms/sign-content.ts'
import { trustProfile } from '../../mdm/enrollment/profile.ts'
import { writePlistBytes } from '../../mdm/plist/write-plist.ts'
import type { ProfileSigner } from '../../mdm/ports.ts'
import { decodePemCertificates } from '../attestation/pem.ts'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { deleteTrustAnchor, insertTrustAnchor, listTrustAnchors } from '../store/trust-anchors.ts'

type Deps = { store: Store; clock: Clock }

/** An old root and its successor, of two authorities at most: the profile of Apple Business carries them all. */
const MAX_ANCHORS = 4

/** The company's own authorities (DER), which Macs are told to trust. */
export const trustAnchors = async ({ store }: Pick<Deps, 'store'>): Promise<Uint8Array[]> =>
  (await listTrustAnchors(store)).map(({ certificate }) => certificate)

/** Takes a root certificate of the company's own authority, PEM or DER. Throws AppError with what is wrong with it. */
export async function addTrustAnchor(deps: Deps, wish: { file: Uint8Array; by: Actor }): Promise<{ sha256: string; subject: string }> {
  const at = deps.clock.now()
  const certificate = readRoot(wish.file, at)
  const sha256 = fingerprint(certificate)
  const subject = nameOf(certificate)
  await deps.store.$transaction(async (tx) => {
    if ((await listTrustAnchors(tx)).length >= MAX_ANCHORS) {
      throw new AppError('conflict', { public: `There are ${MAX_ANCHORS} authorities already. Remove one that is no longer in use first.` })
    }
    const row = { sha256: Buffer.from(sha256, 'hex'), certificate: new Uint8Array(certificate.raw), addedAt: at, addedBy: wish.by }
    if (!(await insertTrustAnchor(tx, row))) throw new AppError('conflict', { public: 'This authority is listed already.' })
    await appendAudit(tx, { type: 'server-trust.anchor-added', subject: sha256, detail: { name: subject } }, { actor: wish.by, at })
  })
  return { sha256, subject }
}

export async function removeTrustAnchor(deps: Deps, wish: { sha256: string; by: Actor }): Promise<void> {
  const at = deps.clock.now()
  await deps.store.$transaction(async (tx) => {
    if (!(await deleteTrustAnchor(tx, Buffer.from(wish.sha256, 'hex'))))
      throw new AppError('not_found', { public: 'There is no such authority.' })
    await appendAudit(tx, { type: 'server-trust.anchor-removed', subject: wish.sha256, detail: {} }, { actor: wish.by, at })
  })
}

/** The profile that is installed on a Mac before it enrolls; undefined where there is no authority of the company's own. */
export async function makeTrustProfile(
  deps: Deps & { publicUrl: string; organization: string },
  signer: ProfileSigner,
): Promise<Uint8Array | undefined> {
  const anchors = await trustAnchors(deps)
  if (anchors.length === 0) return undefined
  return signContent(writePlistBytes(trustProfile({ ...deps, random: randomBytes }, anchors)), signer)
}

function readRoot(file: Uint8Array, now: Date): X509Certificate {
  const certificate = decode(file)
  if (certificate === undefined) {
    throw new AppError('invalid_request', {
      public: 'This is not one certificate in PEM or DER. Choose the root certificate of your authority.',
    })
  }
  if (!certificate.ca) {
    throw new AppError('invalid_request', {
      public:
        'This certificate belongs to a server or a person, not to an authority. Choose the root certificate of the authority that issued it.',
    })
  }
  if (!certificate.checkIssued(certificate) || !certificate.verify(certificate.publicKey)) {
    throw new AppError('invalid_request', {
      public: 'This is an intermediate authority. Choose the root that stands above it: macOS trusts roots.',
    })
  }
  if (now < new Date(certificate.validFrom) || now >= new Date(certificate.validTo)) {
    throw new AppError('invalid_request', {
      public: `This authority is not valid now: it is from ${certificate.validFrom} to ${certificate.validTo}.`,
    })
  }
  return certificate
}

function decode(file: Uint8Array): X509Certificate | undefined {
  const text = Buffer.from(file).toString('latin1')
  const ders = text.includes('-----BEGIN') ? decodePemCertificates(text) : [file]
  const [der, ...others] = ders ?? []
  if (der === undefined || others.length > 0) return undefined
  try {
    const certificate = new X509Certificate(der)
    // Leftovers behind the certificate would go into profiles with it.
    return certificate.raw.length === der.length ? certificate : undefined
  } catch {
    return undefined
  }
}

const fingerprint = (certificate: X509Certificate): string => certificate.fingerprint256.replaceAll(':', '').toLowerCase()

export const nameOf = (certificate: X509Certificate): string => certificate.subject.split('\n').join(', ').slice(0, 200)

export type TrustAnchorView = { sha256: string; subject: string; notAfter: Date; addedAt: Date }

export async function readTrustAnchors({ store }: Pick<Deps, 'store'>): Promise<TrustAnchorView[]> {
  return (await listTrustAnchors(store)).map(({ sha256, certificate, addedAt }) => {
    const parsed = new X509Certificate(certificate)
    return { sha256: hex(sha256), subject: nameOf(parsed), notAfter: new Date(parsed.validTo), addedAt }
  })
}
