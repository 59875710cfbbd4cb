import { z } from 'zod'
import { STEP_IDS } from './facts.ts'
import { RINGS } from './inventory/parse-list.ts'

/** What the console sees of the set-up; the schemas are also the output schemas of the procedures. No key, and a link only once. */

const Step = z.object({
  id: z.enum(STEP_IDS),
  title: z.string(),
  state: z.enum(['done', 'todo', 'wrong', 'not-needed']),
  isOptional: z.boolean(),
  sentence: z.string(),
  remedy: z.string().nullable(),
  href: z.string().nullable(),
})

export const SetupView = z.object({
  mode: z.enum(['evaluation', 'production']),
  steps: z.array(Step),
  /** Steps that stand between this and production. */
  left: z.number().int(),
})
export type SetupView = z.infer<typeof SetupView>

const Certificate = z.object({
  subject: z.string(),
  issuer: z.string(),
  notBefore: z.date(),
  notAfter: z.date(),
  sha256: z.string(),
  namesHost: z.boolean(),
  names: z.string(),
  trust: z.enum(['public', 'company', 'private', 'broken']),
  chainFault: z.string().nullable(),
})

export const AddressView = z.object({
  mode: z.enum(['evaluation', 'production']),
  publicUrl: z.string(),
  steps: z.array(Step),
  facts: z
    .object({
      checkedAt: z.date(),
      addresses: z.array(z.string()),
      certificate: Certificate.nullable(),
      fault: z.object({ code: z.string(), detail: z.string() }).nullable(),
    })
    .nullable(),
  anchors: z.array(z.object({ sha256: z.string(), subject: z.string(), notAfter: z.date(), addedAt: z.date() })),
})
export type AddressView = z.infer<typeof AddressView>

export const SignerView = z.object({
  step: Step,
  installed: z
    .object({
      subject: z.string(),
      issuer: z.string(),
      notAfter: z.date(),
      installedAt: z.date(),
      isExpired: z.boolean(),
      verifiedBy: z.enum(['everybody', 'company', 'nobody']),
    })
    .nullable(),
  /** This installation's own, which signs where no other does. */
  own: z.object({ subject: z.string(), notAfter: z.date() }),
})
export type SignerView = z.infer<typeof SignerView>

const EgressResult = z.object({
  id: z.enum(['push', 'enrollment', 'mdmcert']),
  at: z.date(),
  isReached: z.boolean(),
  sentence: z.string(),
})

export const EgressView = z.object({
  hosts: z.array(
    z.object({
      id: z.enum(['push', 'enrollment', 'mdmcert']),
      host: z.string(),
      port: z.number().int(),
      why: z.string(),
      when: z.enum(['always', 'apple-business', 'on-request']),
      result: EgressResult.nullable(),
    }),
  ),
  others: z.array(z.object({ who: z.enum(['Macs', 'administrator']), host: z.string(), ports: z.string(), why: z.string() })),
})
export type EgressView = z.infer<typeof EgressView>

export const MigrationView = z.object({
  step: Step,
  /** Links to Apple Business that work. */
  links: z.number().int(),
  moving: z.array(z.object({ serial: z.string(), name: z.string().nullable(), deadline: z.date(), profileStatus: z.string().nullable() })),
  movingTotal: z.number().int(),
  external: z.number().int(),
})
export type MigrationView = z.infer<typeof MigrationView>

const ListedMac = z.object({
  line: z.number().int(),
  serial: z.string(),
  name: z.string().nullable(),
  pool: z.string().nullable(),
  ring: z.enum(RINGS).nullable(),
})

export const ImportPreview = z.object({
  added: z.number().int(),
  known: z.number().int(),
  revoked: z.number().int(),
  duplicates: z.number().int(),
  faultCount: z.number().int(),
  /** The first of each; the counts above are of all. */
  faults: z.array(z.object({ line: z.number().int(), sentence: z.string() })),
  sample: z.array(ListedMac),
  revokedSerials: z.array(z.string()),
  /** All of them: links can be made for those that have not enrolled. */
  knownSerials: z.array(z.string()),
})
export type ImportPreview = z.infer<typeof ImportPreview>

export const ImportResult = z.object({
  importId: z.string(),
  added: z.array(z.string()),
  known: z.number().int(),
  revoked: z.number().int(),
})
export type ImportResult = z.infer<typeof ImportResult>

export const ManyLinksView = z.object({
  csv: z.string(),
  links: z.number().int(),
  skipped: z.array(z.object({ serial: z.string(), why: z.enum(['unknown', 'revoked', 'enrolled']) })),
})
export type ManyLinksView = z.infer<typeof ManyLinksView>

export type By = `user:${string}`

export interface SetupDesk {
  read(): Promise<SetupView>
  /** `again`: looks now, at most every few seconds. */
  readAddress(options: { again: boolean }): Promise<AddressView>
  addAnchor(file: Uint8Array, by: By): Promise<{ sha256: string; subject: string }>
  removeAnchor(sha256: string, by: By): Promise<void>
  /** The signed profile that makes a Mac trust the company's authority. Throws AppError `conflict` where there is none. */
  trustProfile(): Promise<Uint8Array>
  readSigner(): Promise<SignerView>
  importSigner(upload: { file: Uint8Array; password: string | undefined }, by: By): Promise<{ subject: string; notAfter: Date }>
  removeSigner(by: By): Promise<void>
  readEgress(): Promise<EgressView>
  tryEgress(): Promise<EgressView>
  readMigration(): Promise<MigrationView>
  previewImport(text: string): Promise<ImportPreview>
  importList(wish: { text: string; expected: number }, by: By): Promise<ImportResult>
  exportInventory(by: By): Promise<{ csv: string; macs: number }>
  inviteMany(wish: { serials: readonly string[]; hasHead: boolean }, by: By): Promise<ManyLinksView>
}
