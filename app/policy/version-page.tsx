'use client'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { api, type PolicyVersionDetail } from '../api.ts'
import { Card, CardHeader, Fact, Facts } from '../components/card.tsx'
import { Id } from '../components/copyable.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { ScrollRegion } from '../components/scroll-region.tsx'
import { StateBadge } from '../components/state-badge.tsx'
import { FailedState, LoadingRows } from '../components/states.tsx'
import { LocalTime } from '../components/time.tsx'
import { Changes } from './changes.tsx'
import { Decide } from './decide.tsx'
import { ImpactView } from './impact.tsx'
import { Sections } from './sections.tsx'
import { VERSION_STATE } from './version-state.ts'

const PARENT = { href: '/policy?tab=versions', title: 'Policy' }
const REFRESH_MS = 10_000

/** One version: what it changes, who proposed and decided it, and what it did to the fleet. */
export function VersionPage({ version }: { version: number }) {
  const detail = useQuery({
    queryKey: ['policy', 'version', version],
    queryFn: () => api.policies.getPolicyVersion.query({ version }),
    refetchInterval: REFRESH_MS,
  })
  if (detail.data !== undefined) return <Contents version={detail.data} />
  return (
    <>
      <PageHeader title={`Version ${version}`} parent={PARENT} />
      <Card>
        {detail.isError ? (
          <FailedState error={detail.error} retry={() => void detail.refetch()} what="This version cannot be shown" />
        ) : (
          <LoadingRows label="Loading the version" />
        )}
      </Card>
    </>
  )
}

function Contents({ version }: { version: PolicyVersionDetail }) {
  return (
    <>
      <PageHeader
        parent={PARENT}
        title={
          <>
            Version {version.version}
            <StateBadge {...VERSION_STATE[version.state]} />
          </>
        }
        note={version.reason}
      />
      <div className="space-y-4">
        {version.state === 'proposed' && <Decide version={version} />}
        <Card>
          <CardHeader title="What it changes" note={version.baseVersion === null ? undefined : `against version ${version.baseVersion}`} />
          {version.baseVersion === null ? <p className="px-4 py-3">It is the first.</p> : <Changes changes={version.changes} />}
        </Card>
        <Card>
          <CardHeader title="Who and when" />
          <Facts>
            <Fact term="Proposed by">
              {version.proposedBy.name}, <LocalTime at={version.proposedAt} />
            </Fact>
            {version.decidedBy !== null && version.decidedAt !== null && (
              <Fact term={version.state === 'proposed' || version.inForceAt !== null ? 'Approved by' : 'Ended by'}>
                {version.decidedBy.name}, <LocalTime at={version.decidedAt} />
                {version.decisionReason !== null && <span className="block text-ink-2">{version.decisionReason}</span>}
              </Fact>
            )}
            <When term="In force no earlier than" at={version.notBefore} />
            <When term="In force since" at={version.inForceAt} />
            <When term="Superseded" at={version.supersededAt} />
            {version.state === 'proposed' && <When term="Lapses" at={version.expiresAt} />}
            <Fact term="Digest">
              <Id value={version.digest} what="policy digest" />
            </Fact>
          </Facts>
        </Card>
        <Impacts version={version} />
        <Sections sections={version.sections} />
        <details>
          <summary className="font-medium">The document whose SHA-256 is the digest</summary>
          <ScrollRegion label="The document" className="mt-2 max-h-80 overflow-auto rounded-md border border-line bg-sunken p-3">
            <code className="font-mono text-xs break-all">{version.document}</code>
          </ScrollRegion>
        </details>
      </div>
    </>
  )
}

function When({ term, at }: { term: string; at: string | Date | null }): ReactNode {
  if (at === null) return null
  return (
    <Fact term={term}>
      <LocalTime at={at} />
    </Fact>
  )
}

function Impacts({ version: { impactAtProposal, impactAtApproval } }: { version: PolicyVersionDetail }) {
  return (
    <>
      {impactAtProposal !== null && (
        <Card>
          <CardHeader title="Impact when it was proposed" />
          <div className="px-4 py-3">
            <ImpactView impact={impactAtProposal} />
          </div>
        </Card>
      )}
      {impactAtApproval !== null && (
        <Card>
          <CardHeader title="Impact when it was approved" />
          <div className="px-4 py-3">
            <ImpactView impact={impactAtApproval} />
          </div>
        </Card>
      )}
    </>
  )
}
