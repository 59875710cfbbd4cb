'use client'
import { CircleAlert } from 'lucide-react'
import Link from 'next/link'
import { useOpenAlerts } from './use-alerts.ts'

/** One line over every page while something critical waits for somebody. Anything less is behind the bell. */
export function AlertBanner() {
  const { data } = useOpenAlerts()
  const critical = data?.counts.critical?.unacknowledged ?? 0
  const first = data?.rows.find((alert) => alert.severity === 'critical' && alert.acknowledgedAt === null)
  if (critical === 0 || first === undefined) return null
  return (
    <aside
      aria-label="Critical alerts"
      className="flex flex-wrap items-center justify-center gap-x-2 bg-bad-soft px-4 py-1.5 text-xs text-bad"
    >
      <CircleAlert aria-hidden className="size-3.5 shrink-0" />
      <span>{first.sentence}</span>
      <Link href="/alerts" className="font-semibold underline underline-offset-2">
        {critical === 1 ? 'See the alert' : `See all ${critical} critical alerts`}
      </Link>
    </aside>
  )
}
