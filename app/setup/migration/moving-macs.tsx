import type { Answers } from '../../api.ts'
import { ScrollRegion } from '../../components/scroll-region.tsx'
import { Ago, LocalTime } from '../../components/time.tsx'

type Moving = Answers['setup']['getMigration']['moving']

/** Macs with a deadline that have not enrolled here yet, those due first. */
export function MovingMacs({ macs, total }: { macs: Moving; total: number }) {
  if (total === 0) return <p className="text-ink-3">Apple Business names no Mac that is to move here.</p>
  return (
    <ScrollRegion label="Macs that are to move here" className="max-h-96 overflow-auto rounded-md border border-line">
      <table className="w-full text-left">
        <thead className="border-b border-line bg-sunken text-xs text-ink-3">
          <tr>
            <th className="px-3 py-2 font-medium">Mac</th>
            <th className="px-3 py-2 font-medium">Deadline</th>
            <th className="px-3 py-2 font-medium">Profile of this appliance</th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {macs.map(({ serial, name, deadline, profileStatus }) => (
            <tr key={serial}>
              <td className="px-3 py-2">
                <span className="font-mono text-xs">{serial}</span>
                {name !== null && <span className="ml-2 text-ink-2">{name}</span>}
              </td>
              <td className="px-3 py-2">
                <LocalTime at={deadline} /> (<Ago at={deadline} />)
              </td>
              <td className="px-3 py-2">{profileStatus === 'assigned' || profileStatus === 'pushed' ? 'assigned' : 'not yet'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {total > macs.length && <p className="border-t border-line px-3 py-2 text-ink-3">{total - macs.length} more, due later.</p>}
    </ScrollRegion>
  )
}
