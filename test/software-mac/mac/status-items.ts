import type { Device } from './device.ts'
import { readSystem } from './system-state.ts'

type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** Apple: status items that macOS knows, by their dotted names. */
const ITEMS: Record<string, (device: Device, directory: string) => Json> = {
  'device.identifier.serial-number': ({ serial }) => serial,
  'device.identifier.udid': ({ udid }) => udid,
  'device.model.family': () => 'Mac',
  'device.model.identifier': ({ model }) => model,
  'device.model.marketing-name': ({ modelName }) => modelName,
  'device.operating-system.family': () => 'macOS',
  'device.operating-system.version': ({ osVersion }) => osVersion,
  'device.operating-system.build-version': ({ osBuild }) => osBuild,
  'device.operating-system.supplemental.build-version': ({ osBuild }) => osBuild,
  'device.operating-system.supplemental.extra-version': () => '',
  'diskmanagement.filevault.enabled': ({ fileVault }) => fileVault,
  'mdm.app': (_, directory) => applications(directory),
  'app.managed.list': (_, directory) => applications(directory),
  'security.certificate.list': () => [],
  'softwareupdate.install-state': () => 'none',
  'management.client-capabilities': () => ({ 'supported-versions': ['1.0.0'] }),
}

const applications = (directory: string): Json =>
  readSystem(directory)
    .applications.filter(({ isManaged }) => isManaged)
    .map(({ identifier, version, isInstalling }) => ({ identifier, version, state: isInstalling === true ? 'installing' : 'managed' }))

/** What a Mac answers to its subscriptions, nested by the words of each name, and the names that it does not know. */
export function statusItems(names: string[], device: Device, directory: string): { items: { [word: string]: Json }; unknown: string[] } {
  const items: { [word: string]: Json } = {}
  const unknown: string[] = []
  for (const name of names) {
    const read = Object.hasOwn(ITEMS, name) ? ITEMS[name] : undefined
    if (read === undefined) unknown.push(name)
    else place(items, name.split('.'), read(device, directory))
  }
  return { items, unknown }
}

function place(items: { [word: string]: Json }, [word = '', ...rest]: string[], value: Json): void {
  if (rest.length === 0) {
    items[word] = value
    return
  }
  items[word] ??= {}
  place(items[word] as { [word: string]: Json }, rest, value)
}
