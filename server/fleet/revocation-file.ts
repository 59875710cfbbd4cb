import { open, readFile, rename } from 'node:fs/promises'
import { SignedRevocationList } from '#protocol/frames'

/** Undefined where it is not there, or is no signed list; whether the signature holds is for the caller to find out. */
export async function readRevocationFile(file: string): Promise<SignedRevocationList | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return SignedRevocationList.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Written beside and renamed: after a power cut there is the old list or the new one. */
export async function writeRevocationFile(file: string, signed: SignedRevocationList): Promise<void> {
  const temporary = `${file}.new`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(signed)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
}
