'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Building2, Plus } from 'lucide-react'
import { api } from '../../api.ts'
import { Button } from '../../components/button.tsx'
import { Card } from '../../components/card.tsx'
import { PageHeader } from '../../components/page-header.tsx'
import { EmptyState, FailedState, FailureNote, LoadingRows } from '../../components/states.tsx'
import { useSession } from '../../use-session.ts'
import { LinkCard } from './link-card.tsx'

const LINKS = ['apple-business-links']

/** Automated Device Enrollment: new Macs that the company buys come under this appliance by themselves. */
export function AppleBusinessPage() {
  const session = useSession()
  const mayManage = session?.may.includes('manage Apple Business') ?? false
  const links = useQuery({ queryKey: LINKS, queryFn: () => api.appleBusiness.listLinks.query(), refetchInterval: 15_000 })
  const queries = useQueryClient()
  const create = useMutation({
    mutationFn: () => api.appleBusiness.createLink.mutate(),
    onSuccess: () => queries.invalidateQueries({ queryKey: LINKS }),
  })
  const link = mayManage && (
    <Button variant={links.data?.length === 0 ? 'primary' : 'secondary'} isBusy={create.isPending} onClick={() => create.mutate()}>
      <Plus aria-hidden className="size-4" />
      Link a service of Apple Business
    </Button>
  )
  return (
    <>
      <PageHeader
        title="Apple Business"
        parent={{ href: '/setup', title: 'Set-up' }}
        note="Macs bought by the company enroll by themselves in Setup Assistant, supervised, and cannot leave."
      >
        {links.data !== undefined && links.data.length > 0 && link}
      </PageHeader>
      {create.error !== null && <FailureNote error={create.error} />}
      {links.data === undefined ? (
        <Card>
          {links.isError ? (
            <FailedState error={links.error} retry={() => void links.refetch()} what="The links could not be loaded" />
          ) : (
            <LoadingRows rows={3} label="Loading the links" />
          )}
        </Card>
      ) : links.data.length === 0 ? (
        <Card>
          <EmptyState icon={Building2} title="Not linked yet" action={link || undefined}>
            A link exchanges a public key for a server token of Apple Business. Without one, every Mac is enrolled by a link that its user
            opens.
          </EmptyState>
        </Card>
      ) : (
        <div className="space-y-4">
          {links.data.map((one) => (
            <LinkCard key={one.id} link={one} mayManage={mayManage} />
          ))}
        </div>
      )}
    </>
  )
}
