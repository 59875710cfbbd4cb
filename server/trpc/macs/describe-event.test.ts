import { expect, test } from 'vitest'
import type { MacId } from '#protocol/ids'
import { describeEvent } from './describe-event.ts'

const mac = { id: 'mac_00000000000000000000000000' as MacId, name: null }
const verdict = (reasons: unknown) =>
  describeEvent({ id: '1', at: new Date(0), mac, type: 'verdict', detail: { trust: 'refused', reasons } })

test('an ordinary enrollment raises no alarm', () => {
  expect(verdict(['NO_ATTESTATION', 'AGENT_KEY_UNBOUND'])).toMatchObject({
    tone: 'neutral',
    sentence: 'Not trusted yet: Apple has not attested this Mac yet. And 1 more reason.',
  })
})

test('a refusal with a finding, with an unknown code or with no reason at all is an alarm', () => {
  for (const reasons of [['NO_ATTESTATION', 'SIP_DISABLED'], ['OF_THE_FUTURE'], [], undefined])
    expect(verdict(reasons)).toMatchObject({ tone: 'bad', sentence: expect.stringMatching(/^Refused: /) })
})
