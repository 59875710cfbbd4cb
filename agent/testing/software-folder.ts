import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder that stands for a Mac, as a software Mac lays it out; for tests. */
export async function softwareFolder(): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-agent-'))
  await setDevice(folder, {})
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

export async function setDevice(folder: string, changes: Record<string, unknown>): Promise<void> {
  const device = {
    serial: 'SW0000000001',
    osVersion: '26.1',
    osBuild: '25B78',
    sip: true,
    secureBoot: 'full',
    rdma: false,
    bootSession: '11111111-2222-3333-4444-555555555555',
  }
  // Renamed into place, as the software Mac does it: the agent never reads half a file.
  const temporary = join(folder, 'device.json.new')
  await writeFile(temporary, JSON.stringify({ ...device, ...changes }))
  await rename(temporary, join(folder, 'device.json'))
}

export async function deliverTicket(folder: string, ticketId: string, ticket: Uint8Array): Promise<void> {
  await mkdir(join(folder, 'managed'), { recursive: true, mode: 0o700 })
  const text = JSON.stringify({ ticketId, ticket: Buffer.from(ticket).toString('base64') })
  await writeFile(join(folder, 'managed', 'ticket.json'), text, { mode: 0o600 })
}
