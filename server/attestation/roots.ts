import { isEqual } from '#protocol/bytes'
import { type Certificate, parseCertificate } from './certificate.ts'

/**
 * Whom an appliance believes about Macs. The list of roots is never empty: no roots would mean no refusal somewhere.
 * `custom` exists for the inspection of a file by hand only; no Mac is ever trusted under it.
 */
export type TrustAnchors = {
  domain: 'apple' | 'evaluation' | 'custom'
  roots: readonly [Certificate, ...Certificate[]]
  /** How the names of authorities directly below the roots may begin; by default as Apple's do today. */
  intermediateNames?: readonly [string, ...string[]]
}

/** The one part of the name of Apple's intermediate that does not count up. The name alone is never trusted. */
const INTERMEDIATE_NAME = 'Apple Enterprise Attestation Sub CA'

export const intermediateNames = ({ intermediateNames: names }: TrustAnchors): readonly [string, ...string[]] =>
  names ?? [INTERMEDIATE_NAME]

/**
 * Apple Enterprise Attestation Root CA
 *
 * Source: https://www.apple.com/certificateauthority/private/
 * Valid: 2022-02-16 19:01:24 UTC to 2047-02-20 00:00:00 UTC; P-384, ecdsa-with-SHA384, self-signed
 * Serial number: 42c0c2bb2c727c5c5eabf6f1a66f1fac5d798737
 * SHA-256 (DER): CC:F5:9E:F8:FC:B3:01:7D:97:F8:B5:FA:6F:A9:0E:7A:3F:92:83:F7:6B:55:AC:6C:F6:ED:A8:B8:B9:49:F0:5B
 */
const APPLE_ENTERPRISE_ATTESTATION_ROOT = `
MIICJDCCAamgAwIBAgIUQsDCuyxyfFxeq/bxpm8frF15hzcwCgYIKoZIzj0EAwMw
UTEtMCsGA1UEAwwkQXBwbGUgRW50ZXJwcmlzZSBBdHRlc3RhdGlvbiBSb290IENB
MRMwEQYDVQQKDApBcHBsZSBJbmMuMQswCQYDVQQGEwJVUzAeFw0yMjAyMTYxOTAx
MjRaFw00NzAyMjAwMDAwMDBaMFExLTArBgNVBAMMJEFwcGxlIEVudGVycHJpc2Ug
QXR0ZXN0YXRpb24gUm9vdCBDQTETMBEGA1UECgwKQXBwbGUgSW5jLjELMAkGA1UE
BhMCVVMwdjAQBgcqhkjOPQIBBgUrgQQAIgNiAAT6Jigq+Ps9Q4CoT8t8q+UnOe2p
oT9nRaUfGhBTbgvqSGXPjVkbYlIWYO+1zPk2Sz9hQ5ozzmLrPmTBgEWRcHjA2/y7
7GEicps9wn2tj+G89l3INNDKETdxSPPIZpPj8VmjQjBAMA8GA1UdEwEB/wQFMAMB
Af8wHQYDVR0OBBYEFPNqTQGd8muBpV5du+UIbVbi+d66MA4GA1UdDwEB/wQEAwIB
BjAKBggqhkjOPQQDAwNpADBmAjEA1xpWmTLSpr1VH4f8Ypk8f3jMUKYz4QPG8mL5
8m9sX/b2+eXpTv2pH4RZgJjucnbcAjEA4ZSB6S45FlPuS/u4pTnzoz632rA+xW/T
ZwFEh9bhKjJ+5VQ9/Do1os0u3LEkgN/r`

export const EVALUATION_ROOT_NAME = 'Espalier Evaluation Attestation Root CA'

const parsed = (der: Uint8Array): Certificate => {
  const result = parseCertificate(der)
  if (!result.ok) throw new TypeError(`a root certificate is malformed: ${result.detail}`)
  return result.certificate
}

export const APPLE_ANCHORS: TrustAnchors = {
  domain: 'apple',
  roots: [parsed(new Uint8Array(Buffer.from(APPLE_ENTERPRISE_ATTESTATION_ROOT, 'base64')))],
}

/** The root of Macs made of software. It must say in its own name what it is; throws TypeError otherwise. */
export function createEvaluationAnchors(rootDer: Uint8Array): TrustAnchors {
  const root = parsed(rootDer)
  if (root.subject.commonName !== EVALUATION_ROOT_NAME) throw new TypeError(`an evaluation root is named “${EVALUATION_ROOT_NAME}”`)
  return { domain: 'evaluation', roots: [root] }
}

/** A root that a person names on the command line. Throws TypeError for a malformed one. */
export const createCustomAnchors = (rootDer: Uint8Array): TrustAnchors => ({ domain: 'custom', roots: [parsed(rootDer)] })

/** Whether a certificate IS one of the roots: by its bytes, never by its name. */
export const isAnchor = (certificate: Certificate, anchors: TrustAnchors): boolean =>
  anchors.roots.some((root) => isEqual(root.raw, certificate.raw))
