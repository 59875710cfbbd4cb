'use client'
import { useQuery } from '@tanstack/react-query'
import { PackageCheck, Plus } from 'lucide-react'
import { useState } from 'react'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, FailedState, LoadingRows } from '../components/states.tsx'
import { useSession } from '../use-session.ts'
import { AddReleaseDialog } from './add-release.tsx'
import { ReleaseCard } from './release-card.tsx'
import { RingsCard } from './rings-card.tsx'

const RELEASES = ['releases']

/** Which releases of the agent there are, how far each has come, and what the Macs run. */
export function ReleasesPage() {
  const mayManage = useSession()?.may.includes('manage agent releases') ?? false
  const [isAdding, setIsAdding] = useState(false)
  const releases = useQuery({ queryKey: RELEASES, queryFn: () => api.releases.listReleases.query(), refetchInterval: 10_000 })
  const add = mayManage && (
    <Button variant="primary" onClick={() => setIsAdding(true)}>
      <Plus aria-hidden className="size-4" />
      Add a release
    </Button>
  )
  return (
    <>
      <PageHeader
        title="Agent releases"
        note="A release reaches the canary ring first, then early, then all; it stops by itself when fewer of its Macs can serve."
      >
        {add}
      </PageHeader>
      {releases.data === undefined ? (
        <Card>
          {releases.isError ? (
            <FailedState error={releases.error} retry={() => void releases.refetch()} what="The releases could not be loaded" />
          ) : (
            <LoadingRows rows={3} label="Loading the releases" />
          )}
        </Card>
      ) : (
        <div className="space-y-4">
          <RingsCard view={releases.data} />
          {releases.data.releases.length === 0 ? (
            <Card>
              <EmptyState icon={PackageCheck} title="No release is rolled out from here" action={add || undefined}>
                Macs keep the agent that they were enrolled with. Add a signed package to bring them another one.
              </EmptyState>
            </Card>
          ) : (
            releases.data.releases.map((release) => (
              <ReleaseCard key={release.id} release={release} rings={releases.data.rings} mayManage={mayManage} />
            ))
          )}
        </div>
      )}
      <AddReleaseDialog isOpen={isAdding} onOpenChange={setIsAdding} />
    </>
  )
}
