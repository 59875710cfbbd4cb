import { type BackgroundTask, backgroundTask } from '../../mdm/ddm/background-task.ts'
import type { Declaration } from '../../mdm/ddm/declaration.ts'
import { type StatusItems, statusAt } from '../../mdm/ddm/status-report.ts'
import { activation, statusSubscriptions } from '../../mdm/ddm/status-subscriptions.ts'

/** What decides over one Mac's declarations. */
export type DeclaredTo = {
  osVersion: string | undefined
  /** What it has reported so far; undefined: nothing. */
  status: StatusItems | undefined
}

/** What the appliance wants of every Mac. */
export type WantedDeclarations = {
  /** The agent as macOS's own background task; undefined while no release of it can be fetched over https. */
  agentTask: BackgroundTask | undefined
}

/**
 * The status items that we want to be told of, and since which macOS they exist (Apple’s schema, `supportedOS`); null: never yet, so
 * only where the Mac itself says that it knows them. mdm.push-token and mdm.push-magic are left out on purpose: TokenUpdate brings
 * them, and a status is not a place for a secret.
 */
const STATUS_ITEMS: Readonly<Record<string, number | null>> = {
  'device.identifier.serial-number': 13,
  'device.identifier.udid': 13,
  'device.model.identifier': 13,
  'device.operating-system.version': 13,
  'device.operating-system.build-version': 13,
  'device.operating-system.supplemental.build-version': 13,
  'device.operating-system.supplemental.extra-version': 13,
  'diskmanagement.filevault.enabled': 14,
  'security.certificate.list': 14,
  'services.background-task': 14,
  'mdm.app': null,
  'app.managed.list': null,
  'device.system.health': 27,
  'mdm.enrollment-type': 27,
}

const FIRST_WITH_DECLARATIONS = 13
const FIRST_WITH_BACKGROUND_TASKS = 15
const BACKGROUND_TASKS = 'com.apple.configuration.services.background-tasks'
const STATUS = 'dev.espalier.status'
const ACTIVATION = 'dev.espalier.activation'

/**
 * Which declarations a Mac gets. Undefined: its macOS has no declarative management. What the Mac says of its own capabilities counts
 * before the version of its system: one unknown item would make it refuse a whole subscription.
 */
export function chooseDeclarations(mac: DeclaredTo, wanted: WantedDeclarations): Declaration[] | undefined {
  const major = Number.parseInt(mac.osVersion ?? '', 10)
  if (!(major >= FIRST_WITH_DECLARATIONS)) return undefined
  const knows = capabilitiesOf(mac.status)
  const items = Object.entries(STATUS_ITEMS)
    .filter(([name, since]) => knows.statusItems?.has(name) ?? (since !== null && major >= since))
    .map(([name]) => name)
  const declarations = items.length === 0 ? [] : [statusSubscriptions(STATUS, items)]
  const hasTasks = knows.declarations?.has(BACKGROUND_TASKS) ?? major >= FIRST_WITH_BACKGROUND_TASKS
  if (wanted.agentTask !== undefined && hasTasks) declarations.push(...backgroundTask(wanted.agentTask))
  const configurations = declarations.filter(({ type }) => type.startsWith('com.apple.configuration.')).map(({ identifier }) => identifier)
  return [...declarations, activation(ACTIVATION, configurations)]
}

/** management.client-capabilities: always reported, without a subscription. */
function capabilitiesOf(status: StatusItems | undefined): { statusItems: Set<string> | undefined; declarations: Set<string> | undefined } {
  const payloads = status && statusAt(status, 'management.client-capabilities.supported-payloads')
  if (payloads === undefined || payloads === null || typeof payloads !== 'object' || Array.isArray(payloads)) {
    return { statusItems: undefined, declarations: undefined }
  }
  return { statusItems: words(payloads['status-items']), declarations: words(statusAt(payloads, 'declarations.configurations')) }
}

function words(value: unknown): Set<string> | undefined {
  return Array.isArray(value) ? new Set(value.filter((word) => typeof word === 'string')) : undefined
}

const TELL_AGAIN_AFTER_MS = 24 * 3600_000

/**
 * Must this Mac be told of the set under `token`? Not when it has fetched the list under it; and a Mac that was told and has not come
 * for it is told again after a day.
 */
export function needsTelling(
  state: { fetchedToken: string | null; toldToken: string | null; toldAt: Date | null },
  token: string,
  now: Date,
): boolean {
  if (state.fetchedToken === token) return false
  return state.toldToken !== token || state.toldAt === null || now.getTime() - state.toldAt.getTime() > TELL_AGAIN_AFTER_MS
}
