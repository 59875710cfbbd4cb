import { mergeStatus } from '../../../mdm/ddm/merge-status.ts'
import { parseStatusReport, type StatusItems, statusAt } from '../../../mdm/ddm/status-report.ts'
import { hold, type Input, one, type Target } from '../target.ts'

const REPORTS: readonly object[] = [
  {
    StatusItems: {
      device: {
        identifier: { udid: 'A', 'serial-number': '0HXK2Q9ABC' },
        'operating-system': { version: '26.1', 'build-version': '25B1' },
      },
      security: {
        certificate: {
          list: [
            { identifier: 'c1', 'subject-summary': 'espalier' },
            { identifier: 'c2', _removed: true },
          ],
        },
      },
    },
    Errors: [{ StatusItem: 'device.model.family', Reasons: [{ Code: 'Error.NotSupported', Description: 'no' }] }],
    FullReport: true,
  },
  {
    StatusItems: {
      management: { declarations: { activations: [{ identifier: 'a', active: true, valid: 'valid', 'server-token': 't' }] } },
    },
  },
  { StatusItems: {}, Errors: [] },
]

export const ddm: Target = {
  name: 'ddm-status',
  about: 'Status reports of declarative management: bounded, merged twice as once, and never more than the database can hold.',
  shape: 'text',
  words: [
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    'null',
    '"identifier":',
    '"_removed":true',
    '"__proto__":{"polluted":1}',
    '"constructor":',
    '\\u0000',
    '\\ud800',
    '{"a":',
    '[[',
  ],
  open: async () => {
    let kept: StatusItems = {}
    const run = ([bytes = new Uint8Array()]: Input): string => {
      const parsed = parseStatusReport(bytes)
      if (!parsed.ok) return parsed.fault
      const { items, errors, isFull } = parsed.report
      const written = JSON.stringify(items)
      hold('PostgreSQL can hold what is kept', isHoldable(written) && errors.every((error) => isHoldable(JSON.stringify(error))))
      const merged = mergeStatus(kept, { items, isFull })
      hold('the same report twice changes nothing more', JSON.stringify(mergeStatus(merged, { items, isFull })) === JSON.stringify(merged))
      hold('what was reported is left as it was', JSON.stringify(items) === written)
      hold('nobody’s prototype has changed', !('polluted' in {}))
      statusAt(merged, 'device.identifier.udid.__proto__.constructor')
      kept = JSON.stringify(merged).length > 20_000 ? {} : merged
      return `read ${Object.keys(items).length} ${errors.length} ${isFull} ${written.length >> 6}`
    }
    return { corpus: REPORTS.map((report) => one(JSON.stringify(report))), run }
  },
}

/** JSONB holds neither NUL nor half of a surrogate pair; JSON.stringify writes both as escapes. */
export const isHoldable = (json: string): boolean => !/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i.test(json)
