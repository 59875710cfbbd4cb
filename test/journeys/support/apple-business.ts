import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Appliance } from './appliance.ts'
import { appleDirectory } from './fleet.ts'

/** What an administrator of Apple Business clicks there, told to the software Apple. */
export async function inAppleBusiness<T = unknown>(appliance: Appliance, deed: string, body: object = {}): Promise<T> {
  const address = JSON.parse(await readFile(join(appleDirectory(appliance), 'apns.json'), 'utf8')) as { adeControlUrl: string }
  const reply = await fetch(`${address.adeControlUrl}/${deed}`, { method: 'POST', body: JSON.stringify(body) })
  if (reply.status !== 200) throw new Error(`${deed}: ${reply.status} ${await reply.text()}`)
  return (await reply.json()) as T
}
