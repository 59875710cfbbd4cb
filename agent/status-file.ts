import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { Capacity } from '#protocol/frames'

/** What `espalier agent status` shows: state and counts, no content, no secret. */
export const AgentStatus = z.object({
  pid: z.number().int(),
  updatedAt: z.iso.datetime(),
  version: z.string(),
  url: z.string(),
  serial: z.string(),
  connected: z.boolean(),
  mac: z.string().nullable(),
  trust: z.enum(['trusted', 'refused', 'unknown']),
  reasons: z.array(z.string()),
  evidenceDigest: z.string().nullable(),
  draining: z.boolean(),
  capacity: Capacity,
})
export type AgentStatus = z.infer<typeof AgentStatus>

const FILE = 'status.json'
/** Under load the counts change all the time; nobody reads faster than this. */
const PAUSE_MS = 200

/** Keeps the file up to date; changes that come while one is being written are written together, the last one wins. */
export interface StatusFile {
  update(status: AgentStatus): void
  /** Resolves when everything given so far is on disk. */
  flush(): Promise<void>
}

export function createStatusFile(folder: string, onError: (error: unknown) => void): StatusFile {
  let next: AgentStatus | undefined
  let writing: Promise<void> | undefined

  async function writeAll(): Promise<void> {
    while (next !== undefined) {
      const status = next
      next = undefined
      await writeStatus(folder, status).catch(onError)
      await sleep(PAUSE_MS)
    }
    writing = undefined
  }

  return {
    update(status) {
      next = status
      writing ??= writeAll()
    },
    flush: async () => writing,
  }
}

/** Written beside and renamed, so that a reader sees the old file or the new one. */
async function writeStatus(folder: string, status: AgentStatus): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = join(folder, `${FILE}.${process.pid}`)
  await writeFile(temporary, `${JSON.stringify(status, null, 2)}\n`, { mode: 0o600 })
  await rename(temporary, join(folder, FILE))
}

/** Undefined when there is no status, or none that can be read. */
export async function readStatus(folder: string): Promise<AgentStatus | undefined> {
  try {
    return AgentStatus.parse(JSON.parse(await readFile(join(folder, FILE), 'utf8')))
  } catch {
    return undefined
  }
}
