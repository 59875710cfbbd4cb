import { CircleAlert, CircleCheck, CircleDashed, Clock, CloudOff } from 'lucide-react'
import Link from 'next/link'
import type { Answers } from '../api.ts'
import { Card, CardHeader, Fact, Facts } from '../components/card.tsx'
import { Id } from '../components/copyable.tsx'
import { StateBadge } from '../components/state-badge.tsx'
import { Ago, LocalTime } from '../components/time.tsx'

export type PushSetup = Answers['push']['getPushSetup']

const RENEW_WITHIN_DAYS = 60

/** What is in force, until when, and whether Apple's push service takes it. */
export function PushStatus({ setup }: { setup: PushSetup }) {
  const { installed, macs } = setup
  return (
    <Card>
      <CardHeader title="In force">
        <CertificateBadge setup={setup} />
      </CardHeader>
      {installed === null ? (
        <p className="px-4 py-3 text-ink-2">
          No push certificate is installed. Without one no Mac can be invited, and none can be woken: follow the steps below.
        </p>
      ) : (
        <Facts>
          <Fact term="Topic">
            <span className="font-mono text-xs break-all">{installed.topic}</span>
          </Fact>
          <Fact term="Expires">
            <LocalTime at={installed.notAfter} /> (<Ago at={installed.notAfter} />)
          </Fact>
          <Fact term="Issued by">{installed.issuer}</Fact>
          {installed.installedAt !== null && (
            <Fact term="Installed">
              <Ago at={installed.installedAt} />
            </Fact>
          )}
          <Fact term="SHA-256">
            <Id value={installed.sha256} what="fingerprint" />
          </Fact>
          <Fact term="Macs enrolled">{macs.enrolled}</Fact>
          <Fact term="Waiting for a push">{macs.due}</Fact>
          {macs.unreachable > 0 && <Fact term="Given up by Apple">{macs.unreachable}</Fact>}
          <Fact term="Apple’s push service">
            <Service service={setup.service} />
          </Fact>
        </Facts>
      )}
    </Card>
  )
}

function CertificateBadge({ setup: { installed } }: { setup: PushSetup }) {
  if (installed === null) return <StateBadge tone="idle" icon={CircleDashed} word="None" />
  if (installed.fault !== null) return <StateBadge tone="bad" icon={CircleAlert} word="Expired" />
  if (installed.daysLeft < RENEW_WITHIN_DAYS) return <StateBadge tone="warn" icon={Clock} word={`${installed.daysLeft} days left`} />
  return <StateBadge tone="good" icon={CircleCheck} word="In force" />
}

const SERVICE = {
  unknown: 'Not asked since the appliance started',
  fair: 'Takes our pushes',
  refused: 'Refuses our pushes',
  unreachable: 'Cannot be reached',
} as const

function Service({ service }: { service: PushSetup['service'] }) {
  if (service.since === null) return SERVICE[service.state]
  return (
    <span className="text-bad">
      <CloudOff aria-hidden className="mr-1 inline size-3.5" />
      {SERVICE[service.state]} since <Ago at={service.since} />: {service.reason}.{' '}
      <Link href="/alerts" className="underline underline-offset-2">
        See the alerts
      </Link>
    </span>
  )
}
