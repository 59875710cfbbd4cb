import { describe, expect, test } from 'vitest'
import { explainReasons } from '../../fleet/explain-reasons.ts'
import { explainTrust } from './explain-trust.ts'

const trusted: Parameters<typeof explainTrust>[0] = {
  trust: 'trusted',
  reasons: [],
  isConnected: true,
  isRoutable: true,
  isSoftware: false,
}

describe('explaining a verdict', () => {
  test('a trusted Mac that takes requests needs nothing', () => {
    expect(explainTrust(trusted)).toEqual({
      sentence: 'Trusted: attested by Apple, and its agent’s key is bound to it.',
      remedy: null,
      others: [],
    })
  })

  test('a software Mac is never said to be attested by Apple', () => {
    expect(explainTrust({ ...trusted, isSoftware: true }).sentence).toContain('under the evaluation root')
  })

  test('a trusted Mac that takes no requests says why', () => {
    expect(explainTrust({ ...trusted, isConnected: false, isRoutable: false }).sentence).toContain('not connected')
    expect(explainTrust({ ...trusted, isRoutable: false }).remedy).toContain('draining')
  })

  test('the device comes before the cross-check, in whatever order the reasons came', () => {
    expect(explainReasons(['FDE_OFF', 'SIP_DISABLED']).map((reason) => reason.code)).toEqual(['SIP_DISABLED', 'FDE_OFF'])
  })

  test('a code of a later version is shown as it is, last', () => {
    const refused = explainTrust({ ...trusted, trust: 'refused', reasons: ['OF_THE_FUTURE', 'FDE_OFF'] })
    expect(refused.sentence).toBe('Refused: FileVault is off.')
    expect(refused.others).toMatchObject([{ code: 'OF_THE_FUTURE', sentence: 'The check OF_THE_FUTURE failed.' }])
  })

  test('what is still to come is no refusal; one finding among it is', () => {
    const wordOf = (reasons: string[]) => explainTrust({ ...trusted, trust: 'refused', reasons }).sentence.split(':')[0]
    expect(wordOf(['NO_ATTESTATION', 'NO_SESSION'])).toBe('Not trusted yet')
    expect(wordOf(['NO_SESSION'])).toBe('Not trusted now')
    expect(wordOf(['NO_ATTESTATION', 'FDE_OFF'])).toBe('Refused')
  })

  test('a revoked and an enrolling Mac each have their own sentence and remedy', () => {
    for (const trust of ['revoked', 'pending'] as const) {
      const { sentence, remedy } = explainTrust({ ...trusted, trust })
      expect(sentence).not.toContain('Trusted')
      expect(remedy).not.toBeNull()
    }
  })
})
