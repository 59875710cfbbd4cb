import { join } from 'node:path'
import { type Appliance, until } from './appliance.ts'
import { appleDirectory, type StartedFleet, startFleetProcess } from './fleet.ts'
import type { Person } from './person.ts'

/** A Mac as the console shows it. */
export type MacView = {
  id: string
  serial: string
  trust: string
  reasons: string[]
  isRoutable: boolean
  evidenceAt: string | null
  quarantine: { at: string; reason: string } | null
  explanation: { sentence: string; remedy: string | null }
  waivers: { id: string; code: string; isInUse: boolean }[]
  verdict: { keyBinding: string | null; checks: { id: string; outcome: string; sentence: string }[] } | null
  enrollment: { id: string; state: string } | null
}

export async function findMac(person: Person, serial: string): Promise<MacView | undefined> {
  const { rows } = await person.ask<{ rows: { id: string }[] }>('macs.listMacs', { search: serial })
  return rows[0] && person.ask<MacView>('macs.getMac', { mac: rows[0].id })
}

/** Waits until the Mac stands as it should, and returns how it stands. */
export async function untilMac(
  person: Person,
  { serial, timeoutMs = 60_000, explain = () => '' }: { serial: string; timeoutMs?: number; explain?: () => string },
  isReached: (mac: MacView) => boolean,
): Promise<MacView> {
  let seen: MacView | undefined
  await until(
    async () => {
      seen = await findMac(person, serial)
      return seen !== undefined && isReached(seen)
    },
    timeoutMs,
    () => `${JSON.stringify(seen)}\n${explain()}`,
  )
  return seen as MacView
}

export const checkOf = (mac: MacView, id: string) => mac.verdict?.checks.find((check) => check.id === id)

/** The Mac's timeline, newest first, as sentences. */
export async function timeline(person: Person, mac: string): Promise<string[]> {
  const { events } = await person.ask<{ events: { sentence: string }[] }>('macs.listMacEvents', { mac, limit: 100 })
  return events.map(({ sentence }) => sentence)
}

export const macDirectory = (appliance: Appliance, serial: string): string => join(appliance.dataDir, 'macs', serial)

/** Switches on the Mac in a directory: a new one, or one that was switched off. */
export function switchOn(appliance: Appliance, directory: string, args: readonly string[]): StartedFleet {
  const where = ['--dir', directory, '--apple', appleDirectory(appliance)]
  return startFleetProcess(appliance, ['test/software-mac/mac/main.ts', ...where, ...args])
}
