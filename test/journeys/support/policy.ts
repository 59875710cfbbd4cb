import { type Appliance, until } from './appliance.ts'
import { ownerOf, type Person } from './person.ts'

type Level = 'ticket' | 'mdm-signed' | 'apple'
export type Draft = Record<string, unknown> & { waivers: unknown[] }
type Preview = { state: string; impact: { sentence: string; loses: number; gains: number }; lowersTrust: boolean }

/** Puts another smallest key binding in force, as an owner does it in the console: look at the impact, propose, confirm, approve. */
export async function requireKeyBinding(appliance: Appliance, minimumKeyBinding: Level): Promise<void> {
  await tightenPolicy(await ownerOf(appliance), { minimumKeyBinding }, 'Only keys that the Mac itself vouches for.')
}

/** One person suffices for what lowers no trust. */
export async function tightenPolicy(owner: Person, change: object, reason: string): Promise<void> {
  const version = await proposePolicy(owner, (draft) => ({ ...draft, ...change }), reason)
  const state = await approvePolicy(owner, version)
  if (state !== 'in force') throw new Error(`the policy ${state}`)
}

/** Looks at what the change would do, and proposes it. */
export async function proposePolicy(person: Person, change: (draft: Draft) => Draft, reason: string): Promise<number> {
  const { draft } = await person.ask<{ draft: Draft }>('policies.getPolicy')
  const { preview } = await previewPolicy(person, { draft: change(draft) })
  const { version } = await person.tell<{ version: number }>('policies.proposePolicy', { preview, reason })
  return version
}

export async function approvePolicy(person: Person, version: number): Promise<string> {
  const { preview } = await previewPolicy(person, { version })
  return (await person.tell<{ state: string }>('policies.approvePolicy', { version, preview })).state
}

export async function previewPolicy(person: Person, about: object): Promise<{ preview: string; seen: Preview }> {
  const { preview } = await person.tell<{ preview: string }>('policies.previewPolicy', about)
  let seen: Preview | undefined
  await until(
    async () => {
      seen = await person.ask<Preview>('policies.getPolicyPreview', { preview })
      return seen.state === 'done'
    },
    30_000,
    () => `the preview was never done: ${JSON.stringify(seen)}`,
  )
  return { preview, seen: seen as Preview }
}
