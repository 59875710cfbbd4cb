import { z } from 'zod'
import { utf8 } from '#protocol/bytes'
import type { ServerToken } from '../../mdm/ade/server-token.ts'
import type { SecretBox } from '../secrets.ts'
import { type AppleBusinessLinkRow, listLinks, rewrapLink } from '../store/apple-business.ts'
import type { Store } from '../store/client.ts'
import { keyName, tokenName } from './deps.ts'

const Stored = z.object({
  consumerKey: z.string(),
  consumerSecret: z.string(),
  accessToken: z.string(),
  accessSecret: z.string(),
  expiresAt: z.coerce.date(),
})

export const sealToken = (secrets: SecretBox, link: string, token: ServerToken): Uint8Array =>
  secrets.seal(tokenName(link), utf8(JSON.stringify(token)))

/** Undefined: no token has been uploaded yet. */
export function openToken(secrets: SecretBox, link: Pick<AppleBusinessLinkRow, 'id' | 'tokenEnvelope'>): ServerToken | undefined {
  if (link.tokenEnvelope === null) return undefined
  return Stored.parse(JSON.parse(Buffer.from(secrets.open(tokenName(link.id), link.tokenEnvelope)).toString('utf8')))
}

/** After a rotation of ESPALIER_SECRET one start with both secrets is enough: every link's key and token then lie under the new one. */
export async function rewrapAppleBusinessLinks({ store, secrets }: { store: Store; secrets: SecretBox }): Promise<void> {
  for (const { id, keyEnvelope, tokenEnvelope } of await listLinks(store)) {
    const rewrap = async (what: 'keyEnvelope' | 'tokenEnvelope', name: string, from: Uint8Array): Promise<void> => {
      if (!secrets.isCurrent(from)) await rewrapLink(store, { id, what, from, to: secrets.rewrap(name, from) })
    }
    await rewrap('keyEnvelope', keyName(id), keyEnvelope)
    if (tokenEnvelope !== null) await rewrap('tokenEnvelope', tokenName(id), tokenEnvelope)
  }
}
