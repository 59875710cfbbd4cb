import { open, writeFile } from 'node:fs/promises'
import type { Clock } from '../../server/clock.ts'
import type { SecretBox } from '../../server/secrets.ts'
import type { Store } from '../../server/store/client.ts'

export const EXIT = { ok: 0, failed: 1, refused: 10, unsupported: 20, malformed: 30 } as const

/** What the command says last: a stable code, a sentence, and for a program what it asked for. */
export type Outcome = { exit: (typeof EXIT)[keyof typeof EXIT]; code: string; message: string; facts?: object }

/** What every verb works on. */
export type Place = { store: Store; secrets: SecretBox; clock: Clock; mdmcertUrl: string }

export class InputError extends Error {
  readonly code: 'bad_option' | 'unreadable_file' | 'unwritable_file'

  constructor(code: InputError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Reads one byte more than any such file has at most, so that a wrong path cannot fill the memory. */
const MAX_FILE_BYTES = 256 * 1024

export async function readBounded(path: string): Promise<Uint8Array> {
  try {
    await using file = await open(path)
    const chunks: Buffer[] = []
    for await (const chunk of file.createReadStream({ end: MAX_FILE_BYTES, autoClose: false })) chunks.push(chunk as Buffer)
    return new Uint8Array(Buffer.concat(chunks))
  } catch (error) {
    throw new InputError('unreadable_file', `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`)
  }
}

/** A password or key that must not stand among the arguments, which every user of the machine can read. */
export async function readSecretLine(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  return Buffer.from(await readBounded(path))
    .toString('utf8')
    .replace(/\r?\n$/, '')
}

export async function writeOut(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text)
  } catch (error) {
    throw new InputError('unwritable_file', `${path} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`)
  }
}
