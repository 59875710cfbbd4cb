'use client'
import { useInfiniteQuery } from '@tanstack/react-query'
import Link from 'next/link'
import { api, type PolicyVersion } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { StateBadge } from '../components/state-badge.tsx'
import { FailedState, LoadingRows } from '../components/states.tsx'
import { Ago } from '../components/time.tsx'
import { VERSION_STATE } from './version-state.ts'

const REFRESH_MS = 10_000

/** Every version, newest first; those that wait for a decision stand above. */
export function Versions() {
  const pages = useInfiniteQuery({
    queryKey: ['policy', 'versions'],
    queryFn: ({ pageParam }) => api.policies.listPolicyVersions.query(pageParam === null ? {} : { before: pageParam }),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: REFRESH_MS,
  })
  if (pages.data === undefined)
    return (
      <Card>
        {pages.isError ? (
          <FailedState error={pages.error} retry={() => void pages.refetch()} what="The versions could not be loaded" />
        ) : (
          <LoadingRows label="Loading the versions" />
        )}
      </Card>
    )
  const versions = pages.data.pages.flatMap((page) => page.versions)
  const waiting = versions.filter(({ state }) => state === 'proposed')
  return (
    <div className="space-y-4">
      <Card>
        <CardHeader title="Waiting for a decision" note={String(waiting.length)} />
        <List
          versions={waiting}
          empty="Nothing waits. A change is proposed with its impact, and what lowers trust is approved by a second person."
        />
      </Card>
      <Card>
        <CardHeader title="Versions" />
        <List versions={versions.filter(({ state }) => state !== 'proposed')} empty="There is no version yet." />
        {pages.hasNextPage && (
          <div className="border-t border-line p-2 text-center">
            <Button variant="quiet" size="sm" isBusy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
              Show earlier versions
            </Button>
          </div>
        )}
      </Card>
    </div>
  )
}

function List({ versions, empty }: { versions: readonly PolicyVersion[]; empty: string }) {
  if (versions.length === 0) return <p className="px-4 py-6 text-center text-ink-3">{empty}</p>
  return (
    <ul className="divide-y divide-line">
      {versions.map((version) => (
        <li key={version.version} className="px-4 py-3">
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <Link href={`/policy/versions/${version.version}`} className="font-medium hover:underline">
              Version {version.version}
            </Link>
            <StateBadge {...VERSION_STATE[version.state]} />
            <span className="text-ink-2">
              {version.proposedBy.name}, <Ago at={version.proposedAt} />
            </span>
          </div>
          <p className="mt-1">{version.reason}</p>
          <p className="mt-0.5 text-ink-2">{summaryOf(version)}</p>
          {version.impactAtProposal !== null && <p className="mt-0.5 text-ink-2">{version.impactAtProposal.sentence}</p>}
        </li>
      ))}
    </ul>
  )
}

function summaryOf({ changes, lowersTrust }: PolicyVersion): string {
  const [first, ...others] = changes
  if (first === undefined) return 'The beginning.'
  const more = others.length === 0 ? '' : ` And ${others.length} more ${others.length === 1 ? 'change' : 'changes'}.`
  return `${lowersTrust ? 'Lowers trust. ' : ''}${first.sentence}${more}`
}
