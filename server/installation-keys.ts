import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto'
import { createDeviceCa, createProfileSigner, createScepCa, exportPrivateKey, importIssuer } from '../mdm/issuer.ts'
import type { Issuer, RsaIssuer } from '../mdm/ports.ts'
import type { Clock } from './clock.ts'
import type { SecretBox } from './secrets.ts'
import { appendAudit } from './store/audit.ts'
import type { Store } from './store/client.ts'
import { findWrappedKey, insertWrappedKey, listWrappedKeys, rewrapKey } from './store/wrapped-keys.ts'

/** The keys that are this installation: made at the first start, stored only sealed under ESPALIER_SECRET. */
export type InstallationKeys = {
  /** Issues the Macs' MDM identities. */
  deviceCa: Issuer
  profileSigner: Issuer
  /** RSA; made when SCEP is first switched on. Undefined: it is off. */
  scep: RsaIssuer | undefined
  /** Ed25519; signs the log. Published as log-key.pub. */
  logKeyPublicPem: string
  /** Its private half. */
  logKey: KeyObject
  /** Signs the console's session cookies. */
  sessionSecret: string
}

type Deps = { store: Store; secrets: SecretBox; clock: Clock; organization: string; offersScep?: boolean }

export async function loadInstallationKeys(deps: Deps): Promise<InstallationKeys> {
  await rewrapStaleKeys(deps)
  const log = await loadOrMake(deps, 'log', async () => makeLogKey())
  const session = await loadOrMake(deps, 'session', async () => ({
    secret: webcrypto.getRandomValues(new Uint8Array(32)),
    public: null,
  }))
  return {
    deviceCa: await loadIssuer(deps, 'device-ca', { create: createDeviceCa, curve: 'P-384' }),
    profileSigner: await loadIssuer(deps, 'profile-signer', { create: createProfileSigner, curve: 'P-256' }),
    scep: deps.offersScep === true ? await loadScepCa(deps) : undefined,
    logKey: createPrivateKey({ key: Buffer.from(log.secret), format: 'der', type: 'pkcs8' }),
    logKeyPublicPem: createPublicKey(createPrivateKey({ key: Buffer.from(log.secret), format: 'der', type: 'pkcs8' }))
      .export({ format: 'pem', type: 'spki' })
      .toString(),
    sessionSecret: Buffer.from(session.secret).toString('base64url'),
  }
}

/** After a rotation of ESPALIER_SECRET one start with both secrets is enough: every key then lies under the new one. */
async function rewrapStaleKeys({ store, secrets }: Deps): Promise<void> {
  for (const { name, envelope } of await listWrappedKeys(store)) {
    if (!secrets.isCurrent(envelope)) await rewrapKey(store, { name, from: envelope, to: secrets.rewrap(`key:${name}`, envelope) })
  }
}

type Key = { secret: Uint8Array; public: Uint8Array | null }

async function loadOrMake(deps: Deps, name: string, make: () => Promise<Key>): Promise<Key> {
  const kept = await findWrappedKey(deps.store, name)
  if (kept !== undefined) return { secret: deps.secrets.open(`key:${name}`, kept.envelope), public: kept.public }
  const made = await make()
  const createdAt = deps.clock.now()
  await deps.store.$transaction(async (tx) => {
    await insertWrappedKey(tx, { name, envelope: deps.secrets.seal(`key:${name}`, made.secret), public: made.public, createdAt })
    await appendAudit(tx, { type: 'key.created', subject: `key:${name}`, detail: { name } }, { actor: 'system', at: createdAt })
  })
  return made
}

async function loadIssuer(
  deps: Deps,
  name: string,
  kind: { create: (options: { organization: string; now: Date }) => Promise<Issuer>; curve: 'P-256' | 'P-384' },
): Promise<Issuer> {
  const key = await loadOrMake(deps, name, async () => {
    const issuer = await kind.create({ organization: deps.organization, now: deps.clock.now() })
    return { secret: await exportPrivateKey(issuer), public: issuer.certificate }
  })
  if (key.public === null) throw new TypeError(`the key ${name} was stored without its certificate`)
  return importIssuer({ certificate: key.public, pkcs8: key.secret, curve: kind.curve })
}

async function loadScepCa(deps: Deps): Promise<RsaIssuer> {
  const key = await loadOrMake(deps, 'scep-ca', async () => {
    const issuer = await createScepCa({ organization: deps.organization, now: deps.clock.now() })
    return { secret: await exportPrivateKey(issuer), public: issuer.certificate }
  })
  if (key.public === null) throw new TypeError('the key scep-ca was stored without its certificate')
  return { certificate: key.public, privateKey: createPrivateKey({ key: Buffer.from(key.secret), format: 'der', type: 'pkcs8' }) }
}

function makeLogKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    secret: new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' })),
    public: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
  }
}
