import { sha256 } from '../bytes.ts'
import { type PlistDict, plistDict } from '../plist/value.ts'
import { requireHttps } from './arguments.ts'

/** 10 MiB, as Apple's own tools cut packages; each chunk is checked as it arrives. */
const CHUNK_BYTES = 10 * 1024 * 1024
const MAX_CHUNKS = 4096
const SHA256_HEX = /^[0-9a-f]{64}$/

export type PackageHashes = { sizeBytes: number; chunkBytes: number; sha256s: readonly string[] }

/** The hashes of a package, chunk by chunk, as a manifest names them. */
export async function hashPackage(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  chunkBytes = CHUNK_BYTES,
): Promise<PackageHashes> {
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1) throw new TypeError('a chunk has at least one byte')
  const sha256s: string[] = []
  let pending = Buffer.alloc(0)
  let sizeBytes = 0
  for await (const bytes of chunks) {
    sizeBytes += bytes.length
    pending = Buffer.concat([pending, bytes])
    for (; pending.length >= chunkBytes; pending = pending.subarray(chunkBytes)) sha256s.push(hashOf(pending.subarray(0, chunkBytes)))
  }
  if (pending.length > 0) sha256s.push(hashOf(pending))
  return { sizeBytes, chunkBytes, sha256s }
}

const hashOf = (bytes: Uint8Array): string => Buffer.from(sha256(bytes)).toString('hex')

export type ManifestOptions = {
  /** Where the signed and notarised package lies; https. */
  url: string
  hashes: PackageHashes
  bundleIdentifier: string
  bundleVersion: string
  title: string
  subtitle?: string
}

/**
 * The manifest of one package. SHA-256 alone: `md5s` would let the weaker hash decide.
 * https://developer.apple.com/documentation/devicemanagement/manifesturl
 */
export function installManifest(options: ManifestOptions): PlistDict {
  const { hashes } = options
  const expected = Math.ceil(hashes.sizeBytes / hashes.chunkBytes)
  if (hashes.sizeBytes < 1 || hashes.sha256s.length !== expected || expected > MAX_CHUNKS) {
    throw new TypeError('the hashes of a package cover it from its first to its last byte')
  }
  if (!hashes.sha256s.every((hash) => SHA256_HEX.test(hash))) throw new TypeError('a chunk’s hash is SHA-256 in hexadecimal')
  const asset = plistDict({
    kind: 'software-package',
    url: requireHttps(options.url),
    'sha256-size': BigInt(hashes.chunkBytes),
    sha256s: [...hashes.sha256s],
  })
  const metadata = plistDict({
    kind: 'software',
    'bundle-identifier': options.bundleIdentifier,
    'bundle-version': options.bundleVersion,
    title: options.title,
    subtitle: options.subtitle,
    sizeInBytes: BigInt(hashes.sizeBytes),
  })
  return plistDict({ items: [plistDict({ assets: [asset], metadata })] })
}
