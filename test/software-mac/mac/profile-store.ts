import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeDurably } from '../durable-file.ts'
import { type Profile, readProfile } from './profile.ts'

/** Installed profiles, as received, one file each; a profile replaces the one of the same identifier. */
export type ProfileStore = {
  list(): Profile[]
  find(identifier: string): Profile | undefined
  save(profile: Profile, bytes: Uint8Array): void
  remove(identifier: string): void
}

export function openProfileStore(directory: string): ProfileStore {
  const folder = join(directory, 'profiles')
  // The identifier is the server's word and makes no path.
  const path = (identifier: string) => join(folder, `${createHash('sha256').update(identifier).digest('hex').slice(0, 32)}.mobileconfig`)
  const list = () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const names = readdirSync(folder).filter((name) => name.endsWith('.mobileconfig'))
    return names.sort().map((name) => readProfile(readFileSync(join(folder, name))))
  }
  return {
    list,
    find: (identifier) => list().find((profile) => profile.identifier === identifier),
    save: (profile, bytes) => writeDurably(path(profile.identifier), bytes),
    remove: (identifier) => rmSync(path(identifier), { force: true }),
  }
}
