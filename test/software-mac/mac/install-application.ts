import { createHash } from 'node:crypto'
import type { ApplicationSource } from './commands/command.ts'
import { send } from './http.ts'
import { isDict, PlistError, readDict } from './plist/read.ts'
import type { Plist, PlistDict } from './plist/write.ts'
import { ProfileError, stringAt, webAddress } from './profile.ts'
import { type Application, changeSystem } from './system-state.ts'

type Hashes = { algorithm: 'sha256' | 'md5'; chunkBytes: number; hashes: string[] }
export type Manifest = { url: string; hashes: Hashes; identifier: string; version: string; title: string }

const MAX_PACKAGE_BYTES = 512 * 1024 * 1024

/** Apple: ManifestURL. One item with one software package; SHA-256 wins over MD5 where both are there. */
export function readManifest(dict: PlistDict): Manifest {
  const item = only(dict.items, 'items')
  const metadata = isDict(item.metadata) ? item.metadata : {}
  const asset = (Array.isArray(item.assets) ? item.assets : []).filter(isDict).find(({ kind }) => kind === 'software-package')
  if (asset === undefined) throw new ProfileError('the manifest has no software-package')
  return {
    url: webAddress(asset, 'url'),
    hashes: hashesOf(asset, 'sha256') ?? hashesOf(asset, 'md5') ?? missing('the manifest names no hashes'),
    identifier: stringAt(metadata, 'bundle-identifier'),
    version: stringAt(metadata, 'bundle-version'),
    title: stringAt(metadata, 'title'),
  }
}

function only(value: Plist | undefined, key: string): PlistDict {
  const [item, second] = Array.isArray(value) ? value : []
  if (!isDict(item) || second !== undefined) throw new ProfileError(`the manifest has not exactly one of ${key}`)
  return item
}

function hashesOf(asset: PlistDict, algorithm: Hashes['algorithm']): Hashes | undefined {
  const hashes = asset[`${algorithm}s`]
  const chunkBytes = asset[`${algorithm}-size`]
  if (!Array.isArray(hashes) || hashes.length === 0 || typeof chunkBytes !== 'number' || chunkBytes < 1) return undefined
  return hashes.every((hash) => typeof hash === 'string') ? { algorithm, chunkBytes, hashes } : undefined
}

function missing(message: string): never {
  throw new ProfileError(message)
}

/** Fetches, checks every chunk, and counts the application as installed; throws where any of that fails, with nothing installed. */
export async function installApplication(options: {
  source: ApplicationSource
  directory: string
  signal: AbortSignal
}): Promise<Application> {
  const { source, directory, signal } = options
  const manifest = readManifest('manifest' in source ? source.manifest : await fetchManifest(source.manifestUrl, signal))
  const application = { identifier: manifest.identifier, name: manifest.title, version: manifest.version, isManaged: true }
  const replaced = place(directory, { ...application, bytes: 0, isInstalling: true })
  try {
    const reply = await send({ url: manifest.url, method: 'GET', signal, maxReplyBytes: MAX_PACKAGE_BYTES })
    if (reply.status !== 200) throw new ProfileError(`the package answered ${reply.status}`)
    checkHashes(reply.body, manifest.hashes)
    const installed = { ...application, bytes: reply.body.length }
    place(directory, installed)
    return installed
  } catch (error) {
    place(directory, replaced, manifest.identifier)
    throw error
  }
}

async function fetchManifest(url: string, signal: AbortSignal): Promise<PlistDict> {
  const reply = await send({ url, method: 'GET', signal })
  if (reply.status !== 200) throw new ProfileError(`the manifest answered ${reply.status}`)
  try {
    return readDict(reply.body)
  } catch (error) {
    if (error instanceof PlistError) throw new ProfileError(error.message, { cause: error })
    throw error
  }
}

function checkHashes(bytes: Uint8Array, { algorithm, chunkBytes, hashes }: Hashes): void {
  if (hashes.length !== Math.ceil(bytes.length / chunkBytes))
    throw new ProfileError('the package has another length than its manifest says')
  hashes.forEach((hash, index) => {
    const chunk = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes)
    if (createHash(algorithm).update(chunk).digest('hex') !== hash.toLowerCase())
      throw new ProfileError(`chunk ${index} of the package is another`)
  })
}

/** Puts it in place of the one with the same identifier, which is returned. */
function place(directory: string, application: Application | undefined, identifier = application?.identifier): Application | undefined {
  let replaced: Application | undefined
  changeSystem(directory, (state) => {
    replaced = state.applications.find((one) => one.identifier === identifier)
    const others = state.applications.filter((one) => one.identifier !== identifier)
    return { ...state, applications: application === undefined ? others : [...others, application] }
  })
  return replaced
}
