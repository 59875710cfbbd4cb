'use client'
import { useInfiniteQuery } from '@tanstack/react-query'
import Link from 'next/link'
import { api, type PastVerdict } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { Id } from '../components/copyable.tsx'
import { TrustBadge } from '../components/state-badge.tsx'
import { FailedState, LoadingRows } from '../components/states.tsx'
import { LocalTime } from '../components/time.tsx'

const PAGE_SIZE = 10

/** Every decision about this Mac with the policy and the evidence that it rests on. */
export function VerdictHistory({ mac }: { mac: string }) {
  const pages = useInfiniteQuery({
    queryKey: ['mac', mac, 'verdicts'],
    queryFn: ({ pageParam }) => api.macs.listVerdicts.query({ mac, limit: PAGE_SIZE, ...(pageParam !== null && { before: pageParam }) }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  })
  const verdicts = pages.data?.pages.flatMap((page) => page.verdicts)
  return (
    <Card>
      <CardHeader title="Decisions" note="each with its policy and its evidence" />
      {verdicts === undefined ? (
        pages.isError ? (
          <FailedState error={pages.error} retry={() => void pages.refetch()} what="The decisions could not be loaded" />
        ) : (
          <LoadingRows rows={3} label="Loading the decisions" />
        )
      ) : verdicts.length === 0 ? (
        <p className="px-4 py-8 text-center text-ink-3">Nothing has been decided yet.</p>
      ) : (
        <ul className="divide-y divide-line">
          {verdicts.map((verdict) => (
            <Decision key={verdict.id} verdict={verdict} />
          ))}
        </ul>
      )}
      {pages.hasNextPage && (
        <div className="border-t border-line p-2 text-center">
          <Button variant="quiet" size="sm" isBusy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
            Show earlier decisions
          </Button>
        </div>
      )}
    </Card>
  )
}

function Decision({ verdict }: { verdict: PastVerdict }) {
  return (
    <li className="px-4 py-2.5">
      <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <TrustBadge trust={verdict.trust} />
        <span className="min-w-0 flex-1">{verdict.sentence}</span>
        <LocalTime at={verdict.decidedAt} className="shrink-0 text-xs text-ink-3" />
      </span>
      <span className="mt-1 flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-ink-2">
        <PolicyOf verdict={verdict} />
        {verdict.evidenceDigest !== null && (
          <span>
            Evidence <Id value={verdict.evidenceDigest} what="evidence digest" />
          </span>
        )}
        {verdict.keyBinding !== null && <span>Key bound by {verdict.keyBinding}</span>}
      </span>
    </li>
  )
}

function PolicyOf({ verdict: { policyVersion, policyDigest } }: { verdict: PastVerdict }) {
  if (policyDigest === null) return <span>Policy version {policyVersion}</span>
  return (
    <span>
      <Link href={`/policy/versions/${policyVersion}`} className="inline-flex min-h-6 items-center underline">
        Policy version {policyVersion}
      </Link>{' '}
      <Id value={policyDigest} what="policy digest" />
    </span>
  )
}
