import { CircleCheck, CircleSmall, CircleX } from 'lucide-react'
import Link from 'next/link'
import type { MacEvent } from '../api.ts'
import { Ago } from './time.tsx'

const ICONS = {
  good: { icon: CircleCheck, className: 'text-good', word: 'Good news: ' },
  bad: { icon: CircleX, className: 'text-bad', word: 'Needs attention: ' },
  neutral: { icon: CircleSmall, className: 'text-ink-3', word: '' },
} as const

/** What happened, newest first. */
export function EventList({ events, showsMac = false }: { events: readonly MacEvent[]; showsMac?: boolean }) {
  if (events.length === 0) return <p className="px-4 py-8 text-center text-ink-3">Nothing has happened yet.</p>
  return (
    <ol className="divide-y divide-line">
      {events.map((event) => {
        const { icon: Icon, className, word } = ICONS[event.tone]
        return (
          <li key={event.id} className="flex min-h-10 items-center gap-2.5 px-4 py-2">
            <Icon aria-hidden className={`size-4 shrink-0 ${className}`} />
            <span className="min-w-0 flex-1">
              {word !== '' && <span className="sr-only">{word}</span>}
              {showsMac && (
                <>
                  <Link href={`/macs/${event.mac.id}`} className="font-medium hover:underline">
                    {event.mac.name ?? event.mac.id}
                  </Link>{' '}
                </>
              )}
              <span className="text-ink-2">{event.sentence}</span>
            </span>
            <Ago at={event.at} className="shrink-0 text-xs text-ink-3" />
          </li>
        )
      })}
    </ol>
  )
}
