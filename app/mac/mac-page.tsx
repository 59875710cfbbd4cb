'use client'
import { useQuery } from '@tanstack/react-query'
import { Ban, SearchX, ShieldCheck } from 'lucide-react'
import Link from 'next/link'
import { useState } from 'react'
import { api, failureOf, type Mac } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { Id } from '../components/copyable.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { Connection, TrustBadge } from '../components/state-badge.tsx'
import { EmptyState, FailedState, LoadingRows } from '../components/states.tsx'
import { useMay } from '../use-session.ts'
import { ActionsCard } from './actions-card.tsx'
import { AgentCard } from './agent-card.tsx'
import { Checks } from './checks.tsx'
import { CommandsCard } from './commands-card.tsx'
import { EnrollmentCard } from './enrollment-card.tsx'
import { Layers } from './layers.tsx'
import { ReleaseMac } from './release-mac.tsx'
import { RevokeMac } from './revoke-mac.tsx'
import { Timeline } from './timeline.tsx'
import { VerdictCard } from './verdict-card.tsx'
import { VerdictHistory } from './verdict-history.tsx'
import { WaiversCard } from './waivers-card.tsx'

const REFRESH_MS = 10_000
const PARENT = { href: '/macs', title: 'Macs' }
/** What is no id at all is no Mac’s either. */
const ISNT_THERE = new Set(['not_found', 'invalid_request'])

export function MacPage({ id }: { id: string }) {
  const mac = useQuery({ queryKey: ['mac', id], queryFn: () => api.macs.getMac.query({ mac: id }), refetchInterval: REFRESH_MS })
  if (mac.data !== undefined) return <Contents mac={mac.data} />
  return (
    <>
      <PageHeader title="Mac" parent={PARENT} />
      <Card>
        {mac.isError && ISNT_THERE.has(failureOf(mac.error).code) ? (
          <NoSuchMac />
        ) : mac.isError ? (
          <FailedState error={mac.error} retry={() => void mac.refetch()} what="This Mac cannot be shown" />
        ) : (
          <LoadingRows label="Loading the Mac" />
        )}
      </Card>
    </>
  )
}

function NoSuchMac() {
  const action = (
    <Button asChild>
      <Link href="/macs">See all Macs</Link>
    </Button>
  )
  return (
    <EmptyState icon={SearchX} title="There is no such Mac" action={action}>
      No Mac of this inventory has that id. The address may be mistyped.
    </EmptyState>
  )
}

function Contents({ mac }: { mac: Mac }) {
  const [isRevoking, setIsRevoking] = useState(false)
  const [isReleasing, setIsReleasing] = useState(false)
  const mayRevoke = useMay('revoke Macs') && mac.trust !== 'revoked'
  const mayRelease = useMay('release Macs from quarantine') && mac.quarantine !== null && mac.trust !== 'revoked'
  return (
    <>
      <PageHeader
        parent={PARENT}
        title={
          <>
            {mac.name ?? mac.serial}
            <TrustBadge trust={mac.trust} />
          </>
        }
        note={<Subtitle mac={mac} />}
      >
        {mayRelease && (
          <Button onClick={() => setIsReleasing(true)}>
            <ShieldCheck aria-hidden className="size-4" />
            Release from quarantine
          </Button>
        )}
        {mayRevoke && (
          <Button onClick={() => setIsRevoking(true)} className="text-bad">
            <Ban aria-hidden className="size-4" />
            Revoke
          </Button>
        )}
      </PageHeader>
      <VerdictCard mac={mac} />
      <div className="mt-4 grid items-start gap-4 xl:grid-cols-[1fr_22rem]">
        <div className="min-w-0 space-y-4">
          <Layers verdict={mac.verdict} />
          <Checks verdict={mac.verdict} />
          <Timeline mac={mac.id} />
          <VerdictHistory mac={mac.id} />
        </div>
        <div className="grid gap-4 md:grid-cols-2 xl:grid-cols-1">
          <WaiversCard mac={mac} />
          <AgentCard mac={mac} />
          <EnrollmentCard mac={mac} />
          <ActionsCard mac={mac} />
          <CommandsCard mac={mac.id} />
        </div>
      </div>
      <RevokeMac mac={mac} isOpen={isRevoking} onOpenChange={setIsRevoking} />
      <ReleaseMac mac={mac} isOpen={isReleasing} onOpenChange={setIsReleasing} />
    </>
  )
}

function Subtitle({ mac }: { mac: Mac }) {
  return (
    <div className="mt-1 flex flex-wrap items-center gap-x-4 gap-y-1">
      <Connection isConnected={mac.isConnected} />
      <span>
        Serial number <Id value={mac.serial} what="serial number" keep={8} />
      </span>
      <span>
        Pseudonym <Id value={mac.id} what="pseudonym" />
      </span>
      {mac.model !== null && <span>{mac.model}</span>}
      {mac.osVersion !== null && <span>macOS {mac.osVersion}</span>}
      {mac.isSoftware && <span className="text-warn">Software Mac</span>}
    </div>
  )
}
