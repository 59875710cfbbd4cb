'use client'
import { ArrowDown, ArrowUp, Clock } from 'lucide-react'
import Link from 'next/link'
import { useRouter } from 'next/navigation'
import type { ReactNode } from 'react'
import type { MacRow } from '../api.ts'
import { cn } from '../components/cn.ts'
import { Id } from '../components/copyable.tsx'
import { Connection, StateBadge, TrustBadge } from '../components/state-badge.tsx'
import { Age, Ago } from '../components/time.tsx'
import type { ListState } from './use-list-state.ts'

type Sorting = { state: ListState; update: (change: Partial<ListState>) => void }
type MacTableProps = Sorting & { rows: readonly MacRow[]; isStale: boolean }

export function MacTable({ rows, state, update, isStale }: MacTableProps) {
  const sorting = { state, update }
  return (
    <div className="relative overflow-x-auto">
      <table aria-busy={isStale} className={cn('w-full text-left', isStale && 'opacity-60')}>
        <thead className="text-xs text-ink-3">
          <tr className="border-b border-line">
            <SortableHead by="name" {...sorting}>
              Mac
            </SortableHead>
            <SortableHead by="trust" {...sorting}>
              Trust
            </SortableHead>
            <SortableHead by="evidenceAt" {...sorting}>
              Evidence
            </SortableHead>
            <th className="px-4 py-2 font-medium">Agent</th>
            <th className="px-4 py-2 font-medium">Models</th>
            <th className="hidden px-4 py-2 font-medium xl:table-cell">Hardware</th>
            <SortableHead by="lastSeenAt" {...sorting} isLast>
              Last seen
            </SortableHead>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {rows.map((mac) => (
            <Row key={mac.id} mac={mac} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row({ mac }: { mac: MacRow }) {
  const router = useRouter()
  const href = `/macs/${mac.id}`
  return (
    // The link in the first cell is what the keyboard and a screen reader use; the rest of the row is a larger target for the pointer.
    <tr
      className="h-13 cursor-pointer hover:bg-hover"
      onClick={(event) => {
        if (!(event.target as HTMLElement).closest('a, button') && window.getSelection()?.isCollapsed !== false) router.push(href)
      }}
    >
      <td className="px-4 py-2">
        <Link href={href} className="inline-flex min-h-6 items-center font-medium hover:underline">
          {mac.name ?? 'Not yet named'}
        </Link>
        <div>
          <Id value={mac.serial} what="serial number" keep={8} />
        </div>
      </td>
      <td className="px-4">
        <span className="flex flex-wrap gap-1">
          <TrustBadge trust={mac.trust} />
          <WaiverBadge mac={mac} />
        </span>
        {mac.reason !== null && (
          <div title={mac.reasons.join(', ')} className="mt-0.5 max-w-56 truncate text-xs text-ink-3">
            {mac.reason}
            {mac.reasons.length > 1 && ` +${mac.reasons.length - 1}`}
          </div>
        )}
      </td>
      <td className="px-4 text-ink-2">{mac.evidenceAt === null ? <None /> : <Age at={mac.evidenceAt} />}</td>
      <td className="px-4">
        <Connection isConnected={mac.isConnected} />
        {mac.isConnected && (
          <div className="text-xs text-ink-3">
            {mac.active} of {mac.slots} slots in use
          </div>
        )}
      </td>
      <td className="px-4 font-mono text-xs text-ink-2">{mac.models.length === 0 ? <None /> : mac.models.join(', ')}</td>
      <td className="hidden px-4 text-ink-2 xl:table-cell">
        {mac.model === null ? (
          <None />
        ) : (
          <>
            {mac.model}
            <div className="text-xs text-ink-3">
              macOS {mac.osVersion ?? 'unknown'}
              {mac.isSoftware && ' · software Mac'}
            </div>
          </>
        )}
      </td>
      <td className="px-4 text-right text-ink-2">{mac.lastSeenAt === null ? <None /> : <Ago at={mac.lastSeenAt} />}</td>
    </tr>
  )
}

function WaiverBadge({ mac }: { mac: MacRow }) {
  const inUse = mac.waivers.filter((waiver) => waiver.isInUse)
  if (inUse.length === 0) return null
  const why = inUse.map(({ sentence, why: reason }) => `${sentence} ${reason}`).join('\n')
  return (
    <span title={why}>
      <StateBadge tone="warn" icon={Clock} word={inUse.length === 1 ? 'Waiver' : `${inUse.length} waivers`} />
    </span>
  )
}

const None = () => <span className="text-ink-3">–</span>

type SortableHeadProps = Sorting & { by: ListState['sort']; isLast?: boolean; children: ReactNode }

function SortableHead({ by, state, update, isLast = false, children }: SortableHeadProps) {
  const isSorted = state.sort === by
  const Arrow = state.direction === 'asc' ? ArrowUp : ArrowDown
  const next = isSorted && state.direction === 'asc' ? 'desc' : 'asc'
  return (
    <th
      aria-sort={isSorted ? (state.direction === 'asc' ? 'ascending' : 'descending') : 'none'}
      className={cn('px-2 py-1', isLast && 'text-right')}
    >
      <button
        type="button"
        onClick={() => update({ sort: by, direction: next })}
        className="inline-flex h-6 items-center gap-1 rounded-sm px-2 font-medium hover:bg-hover hover:text-ink"
      >
        {children}
        <Arrow aria-hidden className={cn('size-3', !isSorted && 'opacity-0')} />
      </button>
    </th>
  )
}
