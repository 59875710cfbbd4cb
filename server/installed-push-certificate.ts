import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Clock } from './clock.ts'
import { describePushCertificate, type PushCertificate } from './push-certificate.ts'
import { PushCertificateFault } from './push-certificate-fault.ts'
import type { SecretBox } from './secrets.ts'
import { appendAudit } from './store/audit.ts'
import type { Db, Store } from './store/client.ts'
import { countEnrolledUnderOtherTopic } from './store/enrollment-lookup.ts'
import { findWrappedKey, replaceWrappedKey } from './store/wrapped-keys.ts'

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

/**
 * Puts a push certificate in force, in the place of the one before. Macs keep the topic that they enrolled with, so another
 * topic is refused (PushCertificateFault `other_topic`, with their number) while Macs are enrolled under the old one.
 */
export async function installPushCertificate(deps: Deps, certificate: PushCertificate): Promise<{ replaced: string | null }> {
  const { topic, sha256, notAfter } = certificate
  const at = deps.clock.now()
  return deps.store.$transaction(async (tx) => {
    await refuseOtherSecret(tx, deps.secrets)
    const before = await findWrappedKey(tx, ROW)
    const replaced = before === undefined ? undefined : describePushCertificate(certificateOf(before))
    if (replaced?.topic !== topic) await refuseLosingMacs(tx, topic)
    const envelope = deps.secrets.seal(SEALED, certificate.pkcs8)
    await replaceWrappedKey(tx, { name: ROW, envelope, public: certificate.certificate, createdAt: at })
    const detail = { topic, sha256, expiresAt: notAfter.toISOString(), replaced: replaced?.sha256 ?? null }
    await appendAudit(tx, { type: 'push-certificate.installed', subject: SEALED, detail }, { actor: 'system', at })
    return { replaced: detail.replaced }
  })
}

async function refuseLosingMacs(tx: Db, topic: string): Promise<void> {
  const lost = await countEnrolledUnderOtherTopic(tx, topic)
  if (lost === 0) return
  const macs = lost === 1 ? '1 enrolled Mac answers' : `${lost} enrolled Macs answer`
  throw new PushCertificateFault('other_topic', {
    text: `This certificate has another topic, ${topic}. ${macs} to the old one alone and would be lost until enrolled again. Renew the old certificate with the Apple account that it was made with, or unenroll those Macs first.`,
  })
}

/** Sealed under another secret than the appliance's, the key would be stored and never opened again. Throws SealedWithOtherSecret. */
async function refuseOtherSecret(tx: Db, secrets: SecretBox): Promise<void> {
  const witness = await findWrappedKey(tx, 'device-ca')
  if (witness !== undefined) secrets.open('key:device-ca', witness.envelope)
}

function certificateOf(row: { public: Uint8Array | null }): X509Certificate {
  if (row.public === null) throw new TypeError('the push key was stored without its certificate')
  return new X509Certificate(row.public)
}
