'use client'
import Link from 'next/link'
import { Button } from '../components/button.tsx'
import { Id } from '../components/copyable.tsx'
import { FailureNote } from '../components/states.tsx'
import { Ago } from '../components/time.tsx'
import { useMay } from '../use-session.ts'
import { SeverityBadge } from './severity.tsx'
import { type AlertRow, useAcknowledge } from './use-alerts.ts'

/** One alert: what is wrong, what to do, since when, and who has taken note. */
export function AlertItem({ alert }: { alert: AlertRow }) {
  const acknowledge = useAcknowledge()
  const mayAcknowledge = useMay('acknowledge alerts')
  return (
    <li className="px-4 py-3">
      <div className="flex flex-wrap items-start gap-x-3 gap-y-2">
        <SeverityBadge severity={alert.severity} />
        <div className="min-w-0 flex-1 basis-64">
          <p className="font-medium">{alert.sentence}</p>
          {alert.remedy !== '' && <p className="mt-0.5 text-ink-2">{alert.remedy}</p>}
          <p className="mt-1 flex flex-wrap items-center gap-x-2 text-xs text-ink-3">
            <span>
              Since <Ago at={alert.raisedAt} />
            </span>
            {alert.clearedAt !== null && (
              <span>
                cleared <Ago at={alert.clearedAt} />
              </span>
            )}
            {alert.acknowledgedAt !== null && (
              <span>
                acknowledged <Ago at={alert.acknowledgedAt} />
              </span>
            )}
            <About subject={alert.subject} />
          </p>
        </div>
        {mayAcknowledge && alert.clearedAt === null && alert.acknowledgedAt === null && (
          <Button size="sm" isBusy={acknowledge.isPending} onClick={() => acknowledge.mutate(alert.id)}>
            Acknowledge
          </Button>
        )}
      </div>
      {acknowledge.error !== null && (
        <div className="mt-2">
          <FailureNote error={acknowledge.error} />
        </div>
      )}
    </li>
  )
}

/** Where an alert is about something that has a page, the way there. */
function About({ subject }: { subject: string }) {
  if (subject === 'key:push')
    return (
      <Link href="/setup/push" className="text-accent hover:underline">
        Push certificate
      </Link>
    )
  if (!subject.startsWith('mac_')) return null
  return (
    <span className="inline-flex items-center gap-1">
      <Link href={`/macs/${subject}`} className="text-accent hover:underline">
        This Mac
      </Link>
      <Id value={subject} what="Mac id" />
    </span>
  )
}
