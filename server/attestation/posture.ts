import { isOlderVersion, type Policy } from './policy.ts'
import type { AttestedProperties, Property } from './properties.ts'
import type { Finding, ReasonCode } from './reasons.ts'

/** What Apple attests about the state of a Mac, against what is demanded. Unknown is never good. */

export function judgeSip({ sip }: AttestedProperties): Finding[] {
  if (sip.state !== 'known') return [unknown('SIP_UNKNOWN', sip)]
  return sip.value === 'enabled' ? [] : [{ code: 'SIP_DISABLED' }]
}

export function judgeSecureBoot({ secureBoot }: AttestedProperties): Finding[] {
  if (secureBoot.state !== 'known') return [unknown('BOOT_UNKNOWN', secureBoot)]
  if (secureBoot.value === 'full') return []
  return [{ code: secureBoot.value === 'reduced' ? 'BOOT_REDUCED' : 'BOOT_PERMISSIVE' }]
}

export function judgeKexts({ kexts }: AttestedProperties): Finding[] {
  if (kexts.state !== 'known') return [unknown('KEXT_UNKNOWN', kexts)]
  return kexts.value === 'none' ? [] : [{ code: 'KEXT_ALLOWED' }]
}

export function judgeOs({ osVersion }: AttestedProperties, policy: Pick<Policy, 'minimumOs'>): Finding[] {
  if (osVersion.state !== 'known') return [unknown('OS_UNKNOWN', osVersion)]
  if (!isOlderVersion(osVersion.value, policy.minimumOs)) return []
  return [{ code: 'OS_TOO_OLD', detail: `macOS ${osVersion.value}, at least ${policy.minimumOs} is required` }]
}

export function judgeRequired(properties: AttestedProperties, policy: Pick<Policy, 'requiredProperties'>): Finding[] {
  return policy.requiredProperties.flatMap((name) =>
    properties[name].state === 'known' ? [] : [{ code: 'PROPERTY_UNKNOWN' as const, detail: `${name} is ${properties[name].state}` }],
  )
}

export function judgeSerial({ serial }: AttestedProperties, expected: string): Finding[] {
  if (serial.state !== 'known') return [unknown('SERIAL_MISSING', serial)]
  return serial.value === expected ? [] : [{ code: 'SERIAL_MISMATCH' }]
}

/** `expected` undefined: the enrollment knows no ProvisioningUDID yet, so nothing can match. */
export function judgeUdid({ udid }: AttestedProperties, expected: string | undefined): Finding[] {
  if (udid.state !== 'known') return [unknown('UDID_MISSING', udid)]
  if (expected === undefined) return [{ code: 'UDID_MISMATCH', detail: 'this enrollment knows no ProvisioningUDID yet' }]
  return udid.value === expected ? [] : [{ code: 'UDID_MISMATCH' }]
}

export const judgePosture = (properties: AttestedProperties, policy: Pick<Policy, 'minimumOs' | 'requiredProperties'>): Finding[] => [
  ...judgeSip(properties),
  ...judgeSecureBoot(properties),
  ...judgeKexts(properties),
  ...judgeOs(properties, policy),
  ...judgeRequired(properties, policy),
]

function unknown(code: ReasonCode, property: Property<unknown>): Finding {
  return { code, detail: `the value is ${property.state}` }
}
