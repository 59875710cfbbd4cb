'use client'
import { useQuery } from '@tanstack/react-query'
import { FlaskConical, Lock } from 'lucide-react'
import { api } from '../api.ts'
import { Card } from '../components/card.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, FailedState, LoadingRows } from '../components/states.tsx'
import { useMay, useSession } from '../use-session.ts'
import { PushStatus } from './push-status.tsx'
import { PushSteps } from './push-steps.tsx'

const REFRESH_MS = 15_000

/** How this appliance comes to the certificate with which it wakes Macs, and keeps it. */
export function PushPage() {
  const session = useSession()
  const mayRead = session?.may.includes('read the set-up') ?? false
  const mayManage = useMay('manage the push certificate')
  const setup = useQuery({
    queryKey: ['push'],
    queryFn: () => api.push.getPushSetup.query(),
    refetchInterval: REFRESH_MS,
    enabled: mayRead,
  })
  return (
    <>
      <PageHeader
        title="Push certificate"
        parent={{ href: '/setup', title: 'Set-up' }}
        note="Apple’s certificate for this company’s own MDM. It lives a year; renew it with the same Apple account."
      />
      {session !== undefined && !mayRead ? (
        <Card>
          <EmptyState icon={Lock} title="Your role does not read the set-up">
            Ask an owner or IT admin.
          </EmptyState>
        </Card>
      ) : setup.data === undefined ? (
        <Card>
          {setup.isError ? (
            <FailedState error={setup.error} retry={() => void setup.refetch()} what="The push certificate could not be loaded" />
          ) : (
            <LoadingRows label="Loading the push certificate" rows={4} />
          )}
        </Card>
      ) : (
        <div className="space-y-5">
          <PushStatus setup={setup.data} />
          {setup.data.isEvaluation ? (
            <Card>
              <EmptyState icon={FlaskConical} title="The software Apple’s certificate is used">
                In evaluation mode pushes go to Macs made of software, through a push service made of software. Nothing needs to be set up
                here; in production this page leads to Apple’s own certificate.
              </EmptyState>
            </Card>
          ) : (
            <PushSteps setup={setup.data} mayManage={mayManage} />
          )}
        </div>
      )}
    </>
  )
}
