import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { base64url, fromBase64url, isEqual } from '#protocol/bytes'
import { SignedRevocationList } from '#protocol/frames'
import { openRevocationList, revokedMac } from '#protocol/revocations'
import type { RevocationList } from '#protocol/statements'
import { AgentError } from '../errors.ts'

/**
 * The newest revocation list that this Mac has seen, kept across restarts: a coordinator restored from a backup learns from its agents
 * what had been revoked since (DESIGN §4). The key of the first list is pinned; a list with a lower number is never taken again.
 */
export interface Revocations {
  /** Of the list held; undefined while there is none. */
  readonly number: number | undefined
  readonly signed: SignedRevocationList | undefined
  isRevoked(serial: string): boolean
  take(signed: SignedRevocationList): Promise<Taken>
}

/** `held`: the same list again. `conflicting`: another list under the number that is held, which nobody honest signs. */
export type Taken = 'taken' | 'held' | 'older' | 'conflicting' | 'unsigned'

const FILE = 'revocations.json'
const Kept = z.strictObject({ key: z.string(), signed: SignedRevocationList })
type Held = { key: Uint8Array; signed: SignedRevocationList; list: RevocationList }

/** Throws where the file is there and does not hold: a Mac that has lost its list must not act as if there had never been one. */
export async function openRevocations(folder: string): Promise<Revocations> {
  let held = await readHeld(join(folder, FILE))
  let work: Promise<unknown> = Promise.resolve()

  async function take(signed: SignedRevocationList): Promise<Taken> {
    const key = held?.key ?? fromBase64url(signed.key ?? '')
    const list = key && openRevocationList(key, signed)
    if (key === undefined || list === undefined) return 'unsigned'
    if (held !== undefined && list.number <= held.list.number) return standing(held, signed, list)
    const next = { key, signed, list }
    await writeHeld(folder, next)
    held = next
    return 'taken'
  }

  return {
    get number() {
      return held?.list.number
    },
    get signed() {
      return held?.signed
    },
    isRevoked: (serial) => held?.list.macs.includes(revokedMac(serial)) === true,
    take(signed) {
      // One after the other: of two lists at once the higher number must stand in the end.
      const result = work.then(() => take(signed))
      work = result.catch(() => undefined)
      return result
    },
  }
}

function standing(held: Held, signed: SignedRevocationList, list: RevocationList): Taken {
  if (list.number < held.list.number) return 'older'
  return isEqual(Buffer.from(signed.list), Buffer.from(held.signed.list)) ? 'held' : 'conflicting'
}

async function readHeld(file: string): Promise<Held | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(file, error)
  }
  try {
    const kept = Kept.parse(JSON.parse(text))
    const key = fromBase64url(kept.key) ?? new Uint8Array()
    const list = openRevocationList(key, kept.signed)
    if (list === undefined) throw new TypeError('its key did not sign it')
    return { key, signed: kept.signed, list }
  } catch (error) {
    throw unreadable(file, error)
  }
}

const unreadable = (file: string, cause: unknown): AgentError =>
  new AgentError(
    'revocations_unreadable',
    `${file} is not the revocation list that this agent kept; bring it back from a backup of this Mac`,
    {
      cause,
    },
  )

/** Written beside and renamed: after a power cut there is the old list or the new one. */
async function writeHeld(folder: string, { key, signed }: Held): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = join(folder, `${FILE}.${process.pid}`)
  await writeFile(temporary, `${JSON.stringify({ key: base64url(key), signed })}\n`, { mode: 0o600, flush: true })
  await rename(temporary, join(folder, FILE))
}
