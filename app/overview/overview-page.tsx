'use client'
import { useQuery } from '@tanstack/react-query'
import { Laptop } from 'lucide-react'
import Link from 'next/link'
import { api, type Overview } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { EventList } from '../components/event-list.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, FailedState, LoadingRows, Skeleton } from '../components/states.tsx'
import { FleetHealth } from './fleet-health.tsx'
import { ServedModels } from './served-models.tsx'
import { SetupCard } from './setup-card.tsx'
import { Traffic } from './traffic.tsx'

const REFRESH_MS = 10_000

export function OverviewPage() {
  const overview = useQuery({ queryKey: ['overview'], queryFn: () => api.fleet.getOverview.query(), refetchInterval: REFRESH_MS })
  return (
    <>
      <PageHeader title="Overview" note={headline(overview.data)} />
      <SetupCard />
      {overview.data !== undefined ? (
        <Contents overview={overview.data} />
      ) : (
        <Card>
          {overview.isError ? (
            <FailedState error={overview.error} retry={() => void overview.refetch()} what="The overview could not be loaded" />
          ) : (
            <LoadingRows label="Loading the overview" />
          )}
        </Card>
      )}
    </>
  )
}

function headline(overview: Overview | undefined) {
  if (overview === undefined) return <Skeleton className="mt-2 w-64" />
  const { trusted = 0, refused = 0 } = overview.macs
  if (refused > 0) return `${refused === 1 ? '1 Mac is' : `${refused} Macs are`} refused; ${overview.routable} can take requests now.`
  if (trusted === 0) return 'No Mac is trusted yet.'
  return `All is well: ${overview.routable === 1 ? '1 Mac takes' : `${overview.routable} Macs take`} requests.`
}

function Contents({ overview }: { overview: Overview }) {
  const total = Object.values(overview.macs).reduce((sum, count) => sum + (count ?? 0), 0)
  if (total === 0)
    return (
      <Card>
        <EmptyState
          icon={Laptop}
          title="No Macs yet"
          action={
            <Button asChild variant="primary">
              <Link href="/macs/invite">Invite a Mac</Link>
            </Button>
          }
        >
          Invite the first Mac by its serial number. It enrolls through this appliance, is attested by Apple, and starts to answer requests.
        </EmptyState>
      </Card>
    )
  return (
    <div className="grid gap-4 xl:grid-cols-3">
      <FleetHealth overview={overview} total={total} />
      <Traffic lastHour={overview.lastHour} />
      <div className="grid items-start gap-4 xl:col-span-3 xl:grid-cols-2">
        <ServedModels models={overview.models} />
        <Card>
          <CardHeader title="Recent events" />
          <EventList events={overview.recent} showsMac />
        </Card>
      </div>
    </div>
  )
}
