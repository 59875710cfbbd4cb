'use client'
import { Bell } from 'lucide-react'
import Link from 'next/link'
import { Popover } from 'radix-ui'
import { Button } from '../components/button.tsx'
import { cn } from '../components/cn.ts'
import { FailedState, LoadingRows } from '../components/states.tsx'
import { useMay } from '../use-session.ts'
import { AlertItem } from './alert-item.tsx'
import { useOpenAlerts } from './use-alerts.ts'

/** How many alerts wait for somebody, and behind it the ones to deal with first. */
export function AlertBell() {
  const alerts = useOpenAlerts()
  if (!useMay('read alerts')) return null
  const waiting = countUnacknowledged(alerts.data)
  const isGrave = (alerts.data?.counts.critical?.unacknowledged ?? 0) > 0
  return (
    <Popover.Root>
      <Popover.Trigger
        aria-label={waiting === 0 ? 'Alerts: none waiting' : `Alerts: ${waiting} waiting`}
        className="relative inline-flex size-8 items-center justify-center rounded-md text-ink-3 hover:bg-hover hover:text-ink"
      >
        <Bell aria-hidden className="size-4" />
        {waiting > 0 && (
          <span
            aria-hidden
            className={cn(
              'absolute -top-0.5 -right-0.5 min-w-4 rounded-full px-1 text-center text-xs leading-4 font-semibold',
              isGrave ? 'bg-bad-fill text-white' : 'bg-warn-soft text-warn ring-1 ring-warn-solid ring-inset',
            )}
          >
            {waiting > 99 ? '99+' : waiting}
          </span>
        )}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="end"
          sideOffset={6}
          aria-label="Open alerts"
          className="z-50 flex max-h-[70dvh] w-[min(28rem,calc(100vw-2rem))] flex-col rounded-lg border border-line bg-raised shadow-float animate-appear"
        >
          <h2 className="border-b border-line px-4 py-2.5 text-sm font-semibold">Alerts</h2>
          <div className="min-h-0 overflow-y-auto">
            <Panel alerts={alerts} />
          </div>
          <footer className="flex justify-end border-t border-line px-3 py-2">
            <Popover.Close asChild>
              <Button asChild size="sm">
                <Link href="/alerts">All alerts</Link>
              </Button>
            </Popover.Close>
          </footer>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  )
}

function Panel({ alerts }: { alerts: ReturnType<typeof useOpenAlerts> }) {
  if (alerts.data === undefined) {
    if (alerts.isError)
      return <FailedState error={alerts.error} retry={() => void alerts.refetch()} what="The alerts could not be loaded" />
    return <LoadingRows label="Loading the alerts" rows={2} />
  }
  if (alerts.data.rows.length === 0) return <p className="px-4 py-6 text-center text-ink-2">Nothing needs your attention.</p>
  return (
    <ul className="divide-y divide-line">
      {alerts.data.rows.map((alert) => (
        <AlertItem key={alert.id} alert={alert} />
      ))}
    </ul>
  )
}

const countUnacknowledged = (list: ReturnType<typeof useOpenAlerts>['data']): number =>
  Object.values(list?.counts ?? {}).reduce((sum, count) => sum + (count?.unacknowledged ?? 0), 0)
