import { X509Certificate } from 'node:crypto'
import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import { countInventory, listMovingMacs } from '../store/inventory.ts'
import type { SetupDeps } from './deps.ts'
import { OTHERS_HOSTS } from './egress.ts'
import type { SetupStep, StepId } from './facts.ts'
import { type AddressWatch, gatherFacts, watchAddress } from './gather-facts.ts'
import { exportList } from './inventory/export-list.ts'
import { importList, previewImport } from './inventory/import-list.ts'
import { inviteMany } from './inventory/invite-many.ts'
import { countLeft, judgeSetup } from './judge-setup.ts'
import { findProfileSigner, importProfileSigner, readProfileSigner, removeProfileSigner } from './profile-signer.ts'
import { addTrustAnchor, makeTrustProfile, nameOf, readTrustAnchors, removeTrustAnchor } from './trust-anchors.ts'
import type { AddressView, By, EgressView, ImportPreview, MigrationView, SetupDesk, SignerView } from './views.ts'

/** Enough to see what is wrong with a list; a longer one is mended in a spreadsheet. */
const MAX_SHOWN = 100
const MAX_MOVING_SHOWN = 200

/** The set-up as the console works on it. `address` is shared with the watcher that raises alerts. */
export function createSetup(deps: SetupDeps, address: AddressWatch = watchAddress(deps)): SetupDesk {
  const judge = async (again = false) => judgeSetup(await gatherFacts(deps, await address.facts(again)), deps.clock.now())
  return {
    read: async () => {
      const steps = await judge()
      return { mode: deps.mode, steps, left: countLeft(steps) }
    },
    readAddress: ({ again }) => readAddress(deps, address, again),
    addAnchor: async (file, by) => addTrustAnchor(deps, { file, by }),
    removeAnchor: (sha256, by) => removeTrustAnchor(deps, { sha256, by }),
    trustProfile: () => trustProfileOf(deps),
    readSigner: async () => readSigner(deps, await judge()),
    importSigner: (upload, by) => importProfileSigner(deps, { ...upload, by }),
    removeSigner: (by) => removeProfileSigner(deps, by),
    readEgress: async () => egressOf(deps),
    tryEgress: async () => {
      await deps.egress.tryAll()
      return egressOf(deps)
    },
    readMigration: async () => readMigration(deps, await judge()),
    previewImport: (text) => preview(deps, text),
    importList: (wish, by) => importList(deps, { ...wish, by }),
    exportInventory: (by) => exportInventory(deps, by),
    inviteMany: (wish, by) =>
      inviteMany({ store: deps.store, invite: ({ serial, by: actor }) => deps.invite({ serial, actor }) }, { ...wish, by }),
  }
}

const stepOf = (steps: readonly SetupStep[], id: StepId): SetupStep => {
  const step = steps.find((each) => each.id === id)
  if (step === undefined) throw new TypeError(`the set-up has no step ${id}`)
  return step
}

async function readAddress(deps: SetupDeps, address: AddressWatch, again: boolean): Promise<AddressView> {
  const facts = await address.facts(again)
  const steps = judgeSetup(await gatherFacts(deps, facts), deps.clock.now())
  return {
    ...{ mode: deps.mode, publicUrl: deps.publicUrl, facts },
    steps: [stepOf(steps, 'public-address'), stepOf(steps, 'server-trust')],
    anchors: await readTrustAnchors(deps),
  }
}

async function trustProfileOf(deps: SetupDeps): Promise<Uint8Array> {
  const profile = await makeTrustProfile(deps, (await findProfileSigner(deps)) ?? (await deps.ownSigner()))
  if (profile === undefined) throw new AppError('conflict', { public: 'No authority of the company’s own is listed.' })
  return profile
}

async function readSigner(deps: SetupDeps, steps: readonly SetupStep[]): Promise<SignerView> {
  const own = new X509Certificate((await deps.ownSigner()).certificate)
  return {
    step: stepOf(steps, 'signer'),
    installed: await readProfileSigner(deps),
    own: { subject: nameOf(own), notAfter: new Date(own.validTo) },
  }
}

function egressOf({ hosts, egress }: SetupDeps): EgressView {
  const results = egress.results()
  return {
    hosts: hosts.map((host) => ({ ...host, result: results.find(({ id }) => id === host.id) ?? null })),
    others: [...OTHERS_HOSTS],
  }
}

async function readMigration(deps: SetupDeps, steps: readonly SetupStep[]): Promise<MigrationView> {
  const [moving, links, { external }] = await Promise.all([
    listMovingMacs(deps.store, MAX_MOVING_SHOWN),
    deps.appleBusiness.listLinks(),
    countInventory(deps.store),
  ])
  return {
    step: stepOf(steps, 'migration'),
    links: links.filter(({ state }) => state === 'current' || state === 'reading').length,
    ...{ moving: moving.macs, movingTotal: moving.total, external },
  }
}

async function preview(deps: SetupDeps, text: string): Promise<ImportPreview> {
  const plan = await previewImport(deps, text)
  return {
    ...{ added: plan.added.length, known: plan.known.length, revoked: plan.revoked.length, duplicates: plan.duplicates },
    faultCount: plan.faults.length,
    faults: plan.faults.slice(0, MAX_SHOWN),
    sample: plan.added.slice(0, MAX_SHOWN),
    revokedSerials: plan.revoked.slice(0, MAX_SHOWN).map(({ serial }) => serial),
    knownSerials: plan.known.map(({ serial }) => serial),
  }
}

/** Every serial number of the company leaves the house with it: the trail says who took it. */
async function exportInventory(deps: SetupDeps, by: By): Promise<{ csv: string; macs: number }> {
  const list = await exportList(deps.store)
  await appendAudit(
    deps.store,
    { type: 'inventory.exported', subject: 'inventory', detail: { macs: list.macs } },
    { actor: by, at: deps.clock.now() },
  )
  return list
}
