import { plistDict } from '../../../mdm/plist/value.ts'
import { writePlistBytes } from '../../../mdm/plist/write-plist.ts'
import { createMemoryPorts } from '../../../mdm/testing/memory-ports.ts'
import { signDetached } from '../../../mdm/testing/sign-detached.ts'
import { createTestInstallation, TOPIC } from '../../../mdm/testing/test-installation.ts'
import { bytesOf, hold, type Input, type Target } from '../target.ts'

const STATUSES = new Set([200, 400, 401, 403, 404, 410, 413, 415, 500])

/** What an enrolled Mac that misbehaves can say: the message is changed before it is signed. */
export const mdmMessages: Target = {
  name: 'mdm-messages',
  about: 'Check-in and connect messages, rightly signed and wrongly made: each is answered, and none makes the server fail.',
  shape: 'text',
  words: [
    '<dict>',
    '</dict>',
    '<key>',
    '</key>',
    '<string>',
    '</string>',
    '<array>',
    '</array>',
    '<data>',
    '</data>',
    '<integer>',
    '<true/>',
    'Idle',
    'NotNow',
    'Error',
  ],
  open: async () => {
    const here = await createTestInstallation(createMemoryPorts())
    const mac = here.mac('C02FUZZ')
    await here.enroll(mac)
    const identity = mac.identity()
    if (identity === undefined) throw new Error('the Mac has no identity')
    const message = (members: Record<string, unknown>) =>
      writePlistBytes(plistDict({ UDID: mac.udid, ...(members as Record<string, string>) }))
    const [checkin, connect] = ['/mdm/checkin', '/mdm/connect'].map(bytesOf) as [Uint8Array, Uint8Array]
    const corpus: Input[] = [
      [
        checkin,
        message({ MessageType: 'TokenUpdate', Topic: TOPIC, Token: Uint8Array.of(1, 2, 3), PushMagic: 'm', UnlockToken: Uint8Array.of(4) }),
      ],
      [checkin, message({ MessageType: 'SetBootstrapToken', BootstrapToken: Uint8Array.of(1, 2, 3) })],
      [checkin, message({ MessageType: 'GetBootstrapToken' })],
      [checkin, message({ MessageType: 'GetToken', TokenServiceType: 'com.apple.maid' })],
      [checkin, message({ MessageType: 'UserAuthenticate', UserID: 'U', DigestResponse: '' })],
      [checkin, message({ MessageType: 'DeclarativeManagement', Endpoint: 'status', Data: bytesOf('{"StatusItems":{}}') })],
      [checkin, message({ MessageType: 'DeclarativeManagement', Endpoint: 'declaration/configuration/x' })],
      [connect, message({ Status: 'Idle' })],
      [connect, message({ Status: 'Acknowledged', CommandUUID: 'C', QueryResponses: plistDict({ SerialNumber: 'C02FUZZ' }) })],
      [
        connect,
        message({ Status: 'Error', CommandUUID: 'C', ErrorChain: [plistDict({ ErrorCode: 12021n, ErrorDomain: 'MCMDMErrorDomain' })] }),
      ],
      [connect, message({ Status: 'NotNow', CommandUUID: 'C' })],
    ]
    const run = async ([path = connect, body = new Uint8Array()]: Input): Promise<string> => {
      const headers = { 'mdm-signature': Buffer.from(await signDetached(body, identity)).toString('base64') }
      const request = { method: 'PUT', path: '/mdm/connect', headers, body }
      const isCheckin = (path.at(-1) ?? 0) % 2 === 0
      const reply = isCheckin ? await here.mdm.handleCheckin({ ...request, path: '/mdm/checkin' }) : await here.mdm.handleConnect(request)
      const said = Buffer.from(reply.body).toString().slice(0, 200)
      hold('the answer is one that we know', STATUSES.has(reply.status))
      here.told.length = 0
      return `${isCheckin} ${reply.status} ${/"code":"(\w+)"/.exec(said)?.[1] ?? ''}`
    }
    return { corpus, run }
  },
}
