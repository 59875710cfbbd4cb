import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import type { SecretBox } from '../secrets.ts'
import { appendAudit } from '../store/audit.ts'
import type { Db, Store } from '../store/client.ts'
import { countEnrolledUnderOtherTopic } from '../store/enrollment-lookup.ts'
import { deletePushRequest, findPushRequest } from '../store/push-requests.ts'
import { findWrappedKey, replaceWrappedKey } from '../store/wrapped-keys.ts'
import { describePushCertificate, type PushCertificate } from './certificate.ts'
import { PushCertificateFault } from './certificate-fault.ts'
import { isAnsweredBy } from './certificate-request.ts'

const ROW = 'push'
/** How the secret box knows the push key. */
const SEALED = `key:${ROW}`

/** The push certificate in force: what it says of itself, and the pair that Apple's push service is shown. */
export type InstalledPushCertificate = Pick<PushCertificate, 'topic' | 'notBefore' | 'notAfter' | 'sha256'> & {
  installedAt: Date
  certificatePem: string
  keyPem: string
}

type Deps = { store: Store; secrets: SecretBox; clock: Clock }

export async function findInstalledPushCertificate(deps: Pick<Deps, 'store' | 'secrets'>): Promise<InstalledPushCertificate | undefined> {
  const row = await findWrappedKey(deps.store, ROW)
  if (row === undefined) return undefined
  const certificate = certificateOf(row)
  const pkcs8 = Buffer.from(deps.secrets.open(SEALED, row.envelope))
  return {
    ...describePushCertificate(certificate),
    installedAt: row.createdAt,
    certificatePem: certificate.toString(),
    keyPem: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
}

export type InstallOptions = {
  actor?: Actor
  /** Somebody confirmed, by typing it, that exactly so many Macs are lost. */
  losingMacs?: number | undefined
}

/**
 * Puts a push certificate in force, in the place of the one before, and ends the request that it answers. Macs keep the topic
 * that they enrolled with, so another topic is refused (PushCertificateFault `other_topic`, with their number) while Macs are
 * enrolled under the old one, unless that very number is confirmed.
 */
export async function installPushCertificate(
  deps: Deps,
  certificate: PushCertificate,
  { actor = 'system', losingMacs }: InstallOptions = {},
): Promise<{ replaced: string | null; macsLost: number }> {
  const { topic, sha256, notAfter } = certificate
  const at = deps.clock.now()
  return deps.store.$transaction(async (tx) => {
    await refuseOtherSecret(tx, deps.secrets)
    const before = await findWrappedKey(tx, ROW)
    const replaced = before === undefined ? undefined : describePushCertificate(certificateOf(before))
    const macsLost = replaced?.topic === topic ? 0 : await countLostMacs(tx, topic, losingMacs)
    const envelope = deps.secrets.seal(SEALED, certificate.pkcs8)
    await replaceWrappedKey(tx, { name: ROW, envelope, public: certificate.certificate, createdAt: at })
    const detail = { topic, sha256, expiresAt: notAfter.toISOString(), replaced: replaced?.sha256 ?? null }
    await appendAudit(tx, { type: 'push-certificate.installed', subject: SEALED, detail }, { actor, at })
    if (macsLost > 0)
      await appendAudit(tx, { type: 'push-certificate.topic-changed', subject: SEALED, detail: { topic, macsLost } }, { actor, at })
    await endAnsweredRequest(tx, certificate)
    return { replaced: detail.replaced, macsLost }
  })
}

async function countLostMacs(tx: Db, topic: string, confirmed: number | undefined): Promise<number> {
  const macsLost = await countEnrolledUnderOtherTopic(tx, topic)
  if (macsLost === 0 || macsLost === confirmed) return macsLost
  const macs = macsLost === 1 ? '1 enrolled Mac answers' : `${macsLost} enrolled Macs answer`
  throw new PushCertificateFault(confirmed === undefined ? 'other_topic' : 'wrong_confirmation', {
    macsLost,
    text: `This certificate has another topic, ${topic}. ${macs} to the old one alone and would be lost until enrolled again. Renew the old certificate with the Apple account that it was made with, or unenroll those Macs first.`,
  })
}

/** A request ends with the certificate that carries its key; one that was made meanwhile goes on. */
async function endAnsweredRequest(tx: Db, certificate: PushCertificate): Promise<void> {
  const request = await findPushRequest(tx)
  if (request !== undefined && isAnsweredBy(request.csr, certificate.certificate)) await deletePushRequest(tx)
}

/** Sealed under another secret than the appliance's, the key would be stored and never opened again. Throws SealedWithOtherSecret. */
export async function refuseOtherSecret(tx: Db, secrets: SecretBox): Promise<void> {
  const witness = await findWrappedKey(tx, 'device-ca')
  if (witness !== undefined) secrets.open('key:device-ca', witness.envelope)
}

function certificateOf(row: { public: Uint8Array | null }): X509Certificate {
  if (row.public === null) throw new TypeError('the push key was stored without its certificate')
  return new X509Certificate(row.public)
}
