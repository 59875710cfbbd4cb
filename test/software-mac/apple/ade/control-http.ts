import type { AdeControl } from './control.ts'
import type { AdeDevice, AdeProfile } from './state.ts'

type Answer = { status: number; body: object }

/** What an administrator of Apple Business clicks, for those who run software Apple as a process: POST /ade/<deed> with JSON. */
export function controlAde(deed: string, bytes: Buffer, control: AdeControl): Answer {
  const body = (bytes.length === 0 ? {} : JSON.parse(bytes.toString())) as Record<string, unknown>
  const serial = String(body.serial_number ?? '')
  const done = (): Answer => ({ status: 200, body: {} })
  switch (deed) {
    case 'add-device':
      control.addDevice({ ...(body as Partial<AdeDevice>), serial_number: serial })
      return done()
    case 'modify-device':
      control.modifyDevice(serial, body as Partial<AdeDevice>)
      return done()
    case 'remove-device':
      control.removeDevice(serial)
      return done()
    case 'assign':
      control.assign(serial, body.profile as AdeProfile)
      return done()
    case 'fail-on':
      control.failOn(serial, body.failing !== false)
      return done()
    case 'expire-cursors':
      control.expireCursors()
      return done()
    case 'expire-sessions':
      control.expireSessions()
      return done()
    case 'expire-token':
      control.expireToken()
      return done()
    case 'sign-terms':
      control.signTerms(body.signed !== false)
      return done()
    case 'refuse-next':
      control.refuseNext(Number(body.count ?? 1))
      return done()
    case 'token-file':
      return { status: 200, body: { p7m: Buffer.from(control.tokenFile(String(body.certificate))).toString('base64') } }
    case 'list':
      return { status: 200, body: { devices: control.devices(), profiles: control.profiles() } }
    default:
      return { status: 404, body: { error: 'no such deed' } }
  }
}
