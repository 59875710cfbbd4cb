/** The appliance will not invite this Mac, and asking again does not change that. */
export class InvitationRefused extends Error {}

const TIMEOUT_MS = 15_000

/** Asks the appliance's API for an enrollment link. Undefined: the appliance is away or busy, ask again later. */
export async function requestInvitation(options: { url: string; token: string; serial: string }): Promise<string | undefined> {
  const { url, token, serial } = options
  let reply: Response
  try {
    reply = await fetch(new URL('/enroll/invitations', url), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ serial }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
  } catch {
    return undefined
  }
  if (reply.status === 429 || reply.status >= 500) return undefined
  const text = await reply.text()
  if (!reply.ok) throw new InvitationRefused(`the appliance answered ${reply.status}: ${text.slice(0, 300)}`)
  const link = (JSON.parse(text) as { enrollmentUrl?: unknown }).enrollmentUrl
  if (typeof link !== 'string') throw new InvitationRefused('the appliance gave no enrollment link')
  return link
}
