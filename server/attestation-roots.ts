import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type RootUpdateVerdict, verifyRootUpdate } from './attestation/root-update.ts'
import { APPLE_ANCHORS, type TrustAnchors } from './attestation/roots.ts'
import { EnvError } from './env.ts'

/** Beside the database: the signed document by which Apple's attestation roots change (`attestation/root-update.ts`). */
export const ROOT_UPDATE_FILE = 'attestation-roots.json'

const SignedUpdate = z.strictObject({ document: z.string(), signature: z.string() })

/** Apple's roots as built in, or as the update in the data directory names them. One that does not hold ends the start: nothing is guessed. */
export async function readAppleAnchors(dataDir: string, at: Date, releaseKeys?: readonly string[]): Promise<TrustAnchors> {
  const text = await readIfThere(join(dataDir, ROOT_UPDATE_FILE))
  if (text === undefined) return APPLE_ANCHORS
  const signed = parse(text)
  const verdict: RootUpdateVerdict =
    signed === undefined
      ? { ok: false, reason: 'malformed' }
      : verifyRootUpdate(signed, { newerThan: 0, at, ...(releaseKeys === undefined ? {} : { releaseKeys }) })
  if (verdict.ok) return verdict.anchors
  const detail = verdict.detail === undefined ? '' : `, ${verdict.detail}`
  throw new EnvError([
    {
      variable: 'ESPALIER_DATA',
      fault: `${ROOT_UPDATE_FILE} is refused (${verdict.reason}${detail})`,
      remedy: `Put the file there again as the release has it, or remove it: then the built-in root alone counts.`,
    },
  ])
}

function parse(text: string): z.infer<typeof SignedUpdate> | undefined {
  try {
    const parsed = SignedUpdate.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
