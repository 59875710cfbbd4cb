import { join } from 'node:path'
import type { Appliance } from '../../journeys/support/appliance.ts'
import { fleetStatus } from '../../journeys/support/appliance.ts'
import { type Console, inviteByScep, type ScepInvitation } from './enrollments.ts'
import { runProgram, type Seen } from './peer.ts'

type Place = { mdmb: string; folder: string; appliance: Appliance; owner: Console; devices: number }
type Device = { udid: string; serial: string; invitation: ScepInvitation }
type Command = { requestType: string; state: string; error: string | null }

/**
 * jessepeterson/mdmb, a simulator of devices: enrolls some by SCEP with Mdm-Signature, lets them fetch and answer commands, and looks at
 * what the appliance believes of them.
 */
export async function driveMdmb(place: Place): Promise<Seen[]> {
  const run = (...args: string[]) => runProgram(place.mdmb, ['-db', join(place.folder, 'mdmb.db'), ...args], { cwd: place.folder })
  const saw = (did: string, text: string, ok: boolean): Seen => ({ peer: 'mdmb', did, saw: text, ok })
  const table: Seen[] = []
  await run('devices-create', '-n', String(place.devices))
  const devices = await invite(place, (await run('devices-list', '-show-serials')).output)
  for (const { udid, invitation } of devices) await run('-uuids', udid, 'devices-profiles-install', '-f', invitation.profileFile)
  const enrolled = await detailsOf(place.owner, devices)
  const isEnrolled = enrolled.filter((mac) => mac.enrollment?.state === 'enrolled').length
  table.push(saw('SCEP, Authenticate, TokenUpdate', `${isEnrolled} of ${devices.length} enrolled`, isEnrolled === devices.length))
  for (const { invitation } of devices) await place.owner.mutate('macs.refreshMac', { mac: invitation.mac })
  const connects = await run('-uuids', 'all', 'devices-connect', '-w', '2')
  const errors = /Errors\s+(\d+)/.exec(connects.output)?.[1] ?? '?'
  table.push(saw('connect until nothing is left', `errors ${errors}`, errors === '0'))
  table.push(await commandsOf(place.owner, devices))
  table.push(await trustOf(place, devices))
  table.push(await strangers(devices, run))
  return table
}

async function invite({ owner, folder }: Place, list: string): Promise<Device[]> {
  const lines = list.split('\n').flatMap((line) => {
    const [udid, serial] = line.split('\t')
    return udid !== undefined && serial !== undefined ? [{ udid, serial: serial.trim() }] : []
  })
  const devices: Device[] = []
  for (const one of lines) devices.push({ ...one, invitation: await inviteByScep(owner, { folder, serial: one.serial }) })
  return devices
}

type Detail = { trust: string; reasons: string[]; enrollment: { state: string; identityKind?: string } | null }

const detailsOf = (owner: Console, devices: readonly Device[]): Promise<Detail[]> =>
  Promise.all(devices.map(async ({ invitation }) => (await owner.query('macs.getMac', { mac: invitation.mac })).data as Detail))

/** mdmb knows DeviceInformation, ProfileList and InstallProfile, and answers anything else with an error, as Apple's schema wants it. */
async function commandsOf(owner: Console, devices: readonly Device[]): Promise<Seen> {
  const lists = await Promise.all(
    devices.map(
      async ({ invitation }) =>
        ((await owner.query('macs.listMacCommands', { mac: invitation.mac })).data as { commands: Command[] }).commands,
    ),
  )
  const counts = new Map<string, number>()
  for (const { requestType, state } of lists.flat()) counts.set(`${requestType} ${state}`, (counts.get(`${requestType} ${state}`) ?? 0) + 1)
  const isSettled = lists.every((list) => list.length > 0 && list.every(({ state }) => state !== 'queued' && state !== 'sent'))
  const hasAnswered = lists.every((list) =>
    list.some(({ requestType, state }) => requestType === 'DeviceInformation' && state === 'acknowledged'),
  )
  const text = [...counts].sort().map(([what, count]) => `${what} ${count}`)
  return { peer: 'mdmb', did: 'answer commands', saw: text.join(', '), ok: isSettled && hasAnswered }
}

async function trustOf({ appliance, owner }: Place, devices: readonly Device[]): Promise<Seen> {
  const statuses = (await fleetStatus(appliance)).filter(({ mac }) => devices.some(({ invitation }) => invitation.mac === mac))
  const trusted = statuses.filter(({ trust }) => trust === 'trusted').length
  const details = await detailsOf(owner, devices)
  const reasons = [...new Set(statuses.flatMap((status) => status.reasons))].sort()
  const models = (await (await appliance.get('/v1/models')).json()) as { data: unknown[] }
  return {
    peer: 'mdmb',
    did: 'be managed, and never trusted',
    saw: `${trusted} of ${devices.length} trusted, models offered ${models.data.length}; ${reasons.join(' ')}`,
    ok:
      trusted === 0 && statuses.length === devices.length && models.data.length === 0 && details.every(({ trust }) => trust !== 'trusted'),
  }
}

/** The same profile a second time, by another device: its challenge is spent. */
async function strangers(devices: readonly Device[], run: (...args: string[]) => Promise<{ output: string }>): Promise<Seen> {
  const [first] = devices
  if (first === undefined) throw new Error('no devices')
  const made = await run('devices-create')
  const udid = /^[0-9A-F-]{36}$/m.exec(made.output)?.[0] ?? ''
  const { output } = await run('-uuids', udid, 'devices-profiles-install', '-f', first.invitation.profileFile)
  const again = await run('-uuids', udid, 'devices-connect')
  const isRefused = /not enrolled/.test(again.output)
  const said =
    output
      .split('\n')
      .filter((line) => line.includes('rror') || line.includes('fail'))
      .at(-1) ?? ''
  return { peer: 'mdmb', did: 'enroll with a spent profile', saw: isRefused ? `refused: ${said.slice(0, 100)}` : 'enrolled', ok: isRefused }
}
