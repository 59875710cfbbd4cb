import type { Declaration } from './declaration.ts'

const MAX_ITEMS = 64

/** https://developer.apple.com/documentation/devicemanagement/managementstatussubscriptions */
export function statusSubscriptions(identifier: string, names: readonly string[]): Declaration {
  if (names.length === 0 || names.length > MAX_ITEMS) throw new TypeError(`1 to ${MAX_ITEMS} status items are subscribed to`)
  return {
    identifier,
    type: 'com.apple.configuration.management.status-subscriptions',
    payload: { StatusItems: names.map((Name) => ({ Name })) },
  }
}

/** Installs configurations on every Mac that has them. https://developer.apple.com/documentation/devicemanagement/activationsimple */
export function activation(identifier: string, configurations: readonly string[]): Declaration {
  return { identifier, type: 'com.apple.activation.simple', payload: { StandardConfigurations: [...configurations] } }
}
