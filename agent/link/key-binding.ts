import { sha256 } from '@noble/hashes/sha2.js'
import { base64url, fromBase64url } from '#protocol/bytes'
import type { AgentFrame, CoordinatorFrame } from '#protocol/frames'
import { keyAttestationClientData, publishedKeyName } from '#protocol/statements'
import { keyCertificate } from '../identity/key-certificate.ts'
import type { Platform } from '../identity/platform.ts'

/** The two levels of binding above the ticket (DESIGN §4.3); each gives the frame to send, or undefined where this Mac cannot. */
type Frame<Type extends AgentFrame['type']> = Extract<AgentFrame, { type: Type }>
type Asked<Type extends CoordinatorFrame['type']> = Extract<CoordinatorFrame, { type: Type }>

export function keyBindingsOf({ keychain, sso }: Platform): ('mdm-signed' | 'apple')[] {
  return [...(keychain ? (['mdm-signed'] as const) : []), ...(sso ? (['apple'] as const) : [])]
}

/** Level mdm-signed: a certificate of the key, under the name that the coordinator chose, in the System keychain. */
export async function publishKey(
  asked: Asked<'publish-key'>,
  platform: Platform,
  now: number,
): Promise<Frame<'key-published'> | undefined> {
  const nonce = fromBase64url(asked.nonce)
  if (platform.keychain === undefined || nonce === undefined) return undefined
  const certificate = await keyCertificate({ signer: platform.signer, commonName: publishedKeyName(nonce), now })
  await platform.keychain.publish(certificate)
  return { type: 'key-published', certificate: base64url(certificate) }
}

/** Level apple: Apple's word about the key, under a hash of Mac, session, nonce and the key itself. */
export async function attestKey(
  asked: Asked<'attest-key'>,
  platform: Platform,
  signal: AbortSignal,
): Promise<Frame<'key-attestation'> | undefined> {
  const nonce = fromBase64url(asked.nonce)
  if (platform.sso === undefined || nonce === undefined) return undefined
  const { mac, session } = asked
  const clientData = keyAttestationClientData({ mac, session, nonce, agentKey: platform.signer.publicKey })
  const chain = await platform.sso.attestKey(sha256(clientData), signal)
  return chain.length === 0 ? undefined : { type: 'key-attestation', chain: chain.map(base64url) }
}
