import { parsePlistDict } from '../../mdm/plist/parse-plist.ts'
import { arrayAt, dictAt, type PlistDict, stringAt } from '../../mdm/plist/value.ts'

/** The part of a DeviceInformation reply that concerns attestation. What the Mac reports of itself is a claim, the chain is Apple's. */
export type DeviceInformationReply = {
  /** DevicePropertiesAttestation, leaf first; undefined where the Mac left it out. */
  chain: readonly Uint8Array[] | undefined
  reportedSerial: string | undefined
  reportedProvisioningUdid: string | undefined
}

export type ParsedDeviceInformation = { ok: true; reply: DeviceInformationReply } | { ok: false; detail: string }

/** Reads an XML or binary plist. Never throws. Source: Apple, "DeviceInformation" command, DevicePropertiesAttestation. */
export function parseDeviceInformation(bytes: Uint8Array): ParsedDeviceInformation {
  const plist = parsePlistDict(bytes)
  return plist.ok ? readDeviceInformation(plist.value) : { ok: false, detail: plist.detail }
}

function readDeviceInformation(plist: PlistDict): ParsedDeviceInformation {
  const responses = dictAt(plist, 'QueryResponses')
  if (responses === undefined) return { ok: false, detail: 'it has no QueryResponses' }
  const chain = arrayAt(responses, 'DevicePropertiesAttestation')
  if (responses.has('DevicePropertiesAttestation') && chain === undefined) return { ok: false, detail: 'the attestation is not an array' }
  const certificates = chain?.filter((item) => item instanceof Uint8Array)
  if (certificates?.length !== chain?.length) return { ok: false, detail: 'the attestation holds something other than data' }
  return {
    ok: true,
    reply: {
      chain: certificates?.map((certificate) => Uint8Array.from(certificate)),
      reportedSerial: stringAt(responses, 'SerialNumber'),
      reportedProvisioningUdid: stringAt(responses, 'ProvisioningUDID'),
    },
  }
}
