import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { writeAccessMatrix } from '../../server/http/access-matrix.ts'
import { listRoutes } from '../../server/http/list-routes.ts'

const FILE = fileURLToPath(new URL('../../server/auth/access-matrix.md', import.meta.url))

/** `espalier dev make-access-matrix`: writes who may do what, at every procedure and every address, for people to read. */
export async function makeAccessMatrix(): Promise<number> {
  const present = await readFile(FILE, 'utf8').catch(() => '')
  const matrix = writeAccessMatrix(await listRoutes())
  if (matrix === present) {
    console.log('The access matrix is as the code says.')
    return 0
  }
  await writeFile(FILE, matrix)
  console.log(`${FILE}\nIt has changed: read what it says now before you keep it.`)
  return 0
}
