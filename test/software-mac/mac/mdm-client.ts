import { signDetached } from './cms-sign.ts'
import type { Enrollment } from './enrollment.ts'
import { ServerAway, send } from './http.ts'
import type { Identity } from './identity-store.ts'
import { readDict } from './plist/read.ts'
import { type PlistDict, writePlist } from './plist/write.ts'

/** The server says that this Mac is none of its own: the Mac leaves MDM. */
export class Unrecognized extends Error {}
/** The server refuses the message for good. */
export class MdmRefused extends Error {}

export type MdmClient = {
  /** Returns the body of the answer, empty for most messages. */
  checkIn(message: PlistDict): Promise<Uint8Array>
  /** Sends a status or a result; the answer is the next command, or undefined when there is none. */
  connect(message: PlistDict): Promise<PlistDict | undefined>
}

/** Apple: every message is a PUT of an XML property list, signed by the enrollment's identity where SignMessage is set. */
export function createMdmClient(options: {
  enrollment: () => Enrollment
  identity: () => Identity
  /** Where an address of the profile is reached now. */
  reach: (url: string) => string
  signal: AbortSignal
}): MdmClient {
  async function put(url: string, contentType: string, message: PlistDict): Promise<Uint8Array> {
    const body = Buffer.from(writePlist(message))
    const headers: Record<string, string> = { 'content-type': contentType }
    if (options.enrollment().mdm.signMessage) {
      const { key, certificate } = options.identity()
      const cms = signDetached({ body, key, certificate: certificate.raw, at: new Date() })
      headers['mdm-signature'] = Buffer.from(cms).toString('base64')
    }
    const reply = await send({ url, method: 'PUT', headers, body, signal: options.signal })
    if (isUnrecognized(reply.body)) throw new Unrecognized('the server answered com.apple.unrecognized.device')
    if (reply.status !== 200)
      throw new MdmRefused(`the server answered ${reply.status} to ${String(message.MessageType ?? message.Status)}`)
    return reply.body
  }
  return {
    checkIn(message) {
      return put(options.reach(options.enrollment().mdm.checkInUrl), 'application/x-apple-aspen-mdm-checkin', message)
    },
    async connect(message) {
      const body = await put(options.reach(options.enrollment().mdm.serverUrl), 'application/x-apple-aspen-mdm', message)
      if (body.length === 0) return undefined
      try {
        return readDict(body)
      } catch (error) {
        throw new ServerAway('the server’s command is not a property list', { cause: error })
      }
    },
  }
}

/** Apple, "Device management error codes": JSON with code com.apple.unrecognized.device. */
function isUnrecognized(body: Uint8Array): boolean {
  if (body[0] !== 0x7b || body.length > 65_536) return false // {
  try {
    return (JSON.parse(Buffer.from(body).toString()) as { code?: unknown }).code === 'com.apple.unrecognized.device'
  } catch {
    return false
  }
}
