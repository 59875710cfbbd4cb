'use client'
import { useState } from 'react'
import type { Overview } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { ScrollRegion } from '../components/scroll-region.tsx'
import { MinuteChart } from './minute-chart.tsx'

const count = new Intl.NumberFormat()
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

/** The last hour's requests: a picture, with its numbers one click away. */
export function Traffic({ lastHour }: { lastHour: Overview['lastHour'] }) {
  const [showsNumbers, setShowsNumbers] = useState(false)
  return (
    <Card className="flex flex-col xl:col-span-2">
      <CardHeader title="Requests" note="last hour">
        <Button size="sm" variant="quiet" aria-pressed={showsNumbers} onClick={() => setShowsNumbers(!showsNumbers)}>
          {showsNumbers ? 'Show chart' : 'Show numbers'}
        </Button>
      </CardHeader>
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 px-4 pt-3 sm:grid-cols-5">
        <Figure term="Requests" value={count.format(lastHour.total)} />
        <Figure term="Failed" value={count.format(lastHour.failed)} isBad={lastHour.failed > 0} />
        <Figure term="Cancelled" value={count.format(lastHour.cancelled)} />
        <Figure term="Tokens out" value={count.format(lastHour.completionTokens)} />
        <Figure
          term="First token, median"
          value={lastHour.medianFirstContentMs === null ? '–' : `${Math.round(lastHour.medianFirstContentMs)} ms`}
        />
      </dl>
      <div className="flex-1 p-4">
        {showsNumbers ? <Numbers minutes={lastHour.minutes} /> : <MinuteChart minutes={lastHour.minutes} isEmpty={lastHour.total === 0} />}
      </div>
    </Card>
  )
}

function Figure({ term, value, isBad = false }: { term: string; value: string; isBad?: boolean }) {
  return (
    <div className="flex flex-col-reverse">
      <dt className="text-xs text-ink-3">{term}</dt>
      <dd className={`text-xl font-semibold tracking-tight ${isBad ? 'text-bad' : ''}`}>{value}</dd>
    </div>
  )
}

function Numbers({ minutes }: { minutes: Overview['lastHour']['minutes'] }) {
  return (
    <ScrollRegion label="Requests by minute" className="h-36 overflow-y-auto rounded-md border border-line">
      <table className="w-full text-left">
        <thead className="sticky top-0 bg-sunken text-xs text-ink-3">
          <tr>
            <th className="px-3 py-1 font-medium">Minute</th>
            <th className="px-3 py-1 text-right font-medium">Completed</th>
            <th className="px-3 py-1 text-right font-medium">Failed</th>
          </tr>
        </thead>
        <tbody>
          {[...minutes].reverse().map((minute) => (
            <tr key={minute.at} className="border-t border-line">
              <td className="px-3 py-1">{clock.format(new Date(minute.at))}</td>
              <td className="px-3 py-1 text-right">{minute.completed}</td>
              <td className="px-3 py-1 text-right">{minute.failed}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  )
}
