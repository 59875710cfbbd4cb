'use client'
import { useState } from 'react'
import type { Overview } from '../api.ts'

type Minute = Overview['lastHour']['minutes'][number]

const HEIGHT = 120
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

/** One bar a minute, failures on top in red. The same numbers are in the table behind “Show numbers”. */
export function MinuteChart({ minutes, isEmpty }: { minutes: readonly Minute[]; isEmpty: boolean }) {
  const [hovered, setHovered] = useState<number | undefined>()
  const top = Math.max(4, ...minutes.map((minute) => minute.completed + minute.failed))
  const shown = hovered === undefined ? undefined : minutes[hovered]
  return (
    <figure className="relative" onPointerLeave={() => setHovered(undefined)}>
      <div className="absolute inset-x-0 top-0 flex justify-between text-xs text-ink-3">
        <span>up to {top} a minute</span>
        <figcaption aria-live="off" className="text-ink-2">
          {shown === undefined
            ? ''
            : `${clock.format(new Date(shown.at))}: ${shown.completed} completed${shown.failed > 0 ? `, ${shown.failed} failed` : ''}`}
        </figcaption>
      </div>
      <div aria-hidden className="flex items-end gap-[2px] border-b border-line pt-6" style={{ height: HEIGHT + 24 }}>
        {minutes.map((minute, index) => (
          <div key={minute.at} onPointerEnter={() => setHovered(index)} className="group flex h-full flex-1 flex-col justify-end">
            {minute.failed > 0 && <div className="rounded-t-[1px] bg-bad-solid" style={{ height: (minute.failed / top) * HEIGHT }} />}
            <div
              className={`bg-accent-fill group-hover:opacity-100 ${minute.failed > 0 ? 'mt-px' : 'rounded-t-[1px]'} ${hovered === undefined || hovered === index ? '' : 'opacity-50'}`}
              style={{ height: minute.completed === 0 ? 1 : (minute.completed / top) * HEIGHT }}
            />
          </div>
        ))}
      </div>
      <div aria-hidden className="mt-1 grid grid-cols-3 text-xs text-ink-3">
        <span>60 min ago</span>
        <span className="text-center">30 min ago</span>
        <span className="text-right">now</span>
      </div>
      {isEmpty && (
        <p className="absolute inset-x-0 top-12 text-center text-ink-3">
          No requests in the last hour. Point a tool at this appliance, or try the playground.
        </p>
      )}
    </figure>
  )
}
