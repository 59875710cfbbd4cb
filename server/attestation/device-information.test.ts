import { expect, test } from 'vitest'
import { type PlistValue, plistDict } from '../../mdm/plist/value.ts'
import { writePlistBytes } from '../../mdm/plist/write-plist.ts'
import { deviceChain, SERIAL, UDID } from '../../test/support/trust-evidence.ts'
import { parseDeviceInformation } from './device-information.ts'

const chain = deviceChain()
const reply = (attestation: PlistValue | undefined) =>
  writePlistBytes(
    plistDict({
      Status: 'Acknowledged',
      UDID: 'A-MDM-UDID',
      QueryResponses: plistDict({ SerialNumber: SERIAL, ProvisioningUDID: UDID, DevicePropertiesAttestation: attestation }),
    }),
  )

test('reads the chain and what the Mac says of itself', () => {
  const parsed = parseDeviceInformation(reply(chain))
  expect(parsed).toMatchObject({ ok: true, reply: { reportedSerial: SERIAL, reportedProvisioningUdid: UDID } })
  expect(parsed.ok && parsed.reply.chain?.map((der) => Buffer.from(der))).toEqual(chain.map((der) => Buffer.from(der)))
})

test('an attestation that was left out is absent, not empty', () => {
  expect(parseDeviceInformation(reply(undefined))).toMatchObject({ ok: true, reply: { chain: undefined } })
})

test.each([
  ['a reply without QueryResponses', writePlistBytes(plistDict({ Status: 'Idle' }))],
  ['an attestation that is a text', reply('AAAA')],
  ['an attestation with a text among its data', reply([chain[0] ?? '', 'AAAA'])],
  ['no property list', Buffer.from('garbage')],
  ['a truncated one', reply(chain).subarray(0, 500)],
])('refuses %s', (_, bytes) => {
  expect(parseDeviceInformation(bytes).ok).toBe(false)
})
