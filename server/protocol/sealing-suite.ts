import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import {
  AEAD_AES_256_GCM,
  CipherSuite,
  type CryptoKey,
  KDF_HKDF_SHA256,
  type KDFFactory,
  KEM_DHKEM_X25519_HKDF_SHA256,
  type KEMFactory,
} from 'hpke'

/**
 * HKDF-SHA256 (RFC 5869) computed where it stands. The library's own asks WebCrypto, a thread pool away, for each HMAC: eighteen
 * journeys for one request, which cost more than the key agreement and wait in line on a busy machine.
 */
const kdf: KDFFactory = () => ({
  ...KDF_HKDF_SHA256(),
  Extract: async (salt, ikm) => extract(sha256, ikm, salt),
  Expand: async (prk, info, length) => expand(sha256, prk, info, length),
})

/** The library's X25519 KEM, with the same HKDF inside. */
const kem: KEMFactory<CryptoKey> = () => ({ ...KEM_DHKEM_X25519_HKDF_SHA256(), kdf: kdf() })

export const SUITE = 'x25519-hkdf-sha256-aes256gcm'

/** DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM (RFC 9180 §7). */
export const suite = new CipherSuite(kem, kdf, AEAD_AES_256_GCM)
