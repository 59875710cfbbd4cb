'use client'
import { useQuery } from '@tanstack/react-query'
import { PencilLine } from 'lucide-react'
import Link from 'next/link'
import { usePathname, useRouter, useSearchParams } from 'next/navigation'
import { api, type PolicyInForce } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { Choice } from '../components/choice.tsx'
import { Id } from '../components/copyable.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { FailedState, LoadingRows } from '../components/states.tsx'
import { Ago } from '../components/time.tsx'
import { useMay } from '../use-session.ts'
import { Sections } from './sections.tsx'
import { Versions } from './versions.tsx'
import { Waivers } from './waivers.tsx'

const TABS = { policy: 'In force', versions: 'Proposals and versions', waivers: 'Waivers' } as const
type Tab = keyof typeof TABS
const REFRESH_MS = 5_000

/** What the company demands of its Macs, who decided it, and what is excused. */
export function PolicyPage() {
  const [params, path, router] = [useSearchParams(), usePathname(), useRouter()]
  const asked = params.get('tab') ?? 'policy'
  const tab: Tab = Object.hasOwn(TABS, asked) ? (asked as Tab) : 'policy'
  const mayPropose = useMay('propose a policy')
  const policy = useQuery({ queryKey: ['policy'], queryFn: () => api.policies.getPolicy.query(), refetchInterval: REFRESH_MS })
  return (
    <>
      <PageHeader title="Policy" note={<Subtitle policy={policy.data} />}>
        {mayPropose && (
          <Button asChild variant="primary">
            <Link href="/policy/edit">
              <PencilLine aria-hidden className="size-4" />
              Propose a change
            </Link>
          </Button>
        )}
      </PageHeader>
      <fieldset className="mb-3 flex flex-wrap gap-0.5">
        <legend className="sr-only">What to show</legend>
        {(Object.keys(TABS) as Tab[]).map((name) => (
          <Choice
            key={name}
            word={TABS[name]}
            count={name === 'waivers' ? policy.data?.waivers.filter(({ state }) => state === 'in force').length : undefined}
            isOn={tab === name}
            onClick={() => router.replace(name === 'policy' ? path : `${path}?tab=${name}`, { scroll: false })}
          />
        ))}
      </fieldset>
      {policy.data === undefined ? (
        <Card>
          {policy.isError ? (
            <FailedState error={policy.error} retry={() => void policy.refetch()} what="The policy could not be loaded" />
          ) : (
            <LoadingRows label="Loading the policy" />
          )}
        </Card>
      ) : (
        <Contents tab={tab} policy={policy.data} mayPropose={mayPropose} />
      )}
    </>
  )
}

function Contents({ tab, policy, mayPropose }: { tab: Tab; policy: PolicyInForce; mayPropose: boolean }) {
  if (tab === 'versions') return <Versions />
  if (tab === 'waivers') return <Waivers waivers={policy.waivers} mayPropose={mayPropose} />
  return (
    <div className="space-y-4">
      {policy.rejudge !== null && policy.rejudge.finishedAt === null && <Rejudging progress={policy.rejudge} />}
      <Sections sections={policy.sections} />
      {policy.pools.length > 0 && (
        <Card>
          <CardHeader title="Macs in pools" />
          <ul className="divide-y divide-line">
            {policy.pools.map(({ name, macs }) => (
              <li key={name} className="flex h-10 items-center justify-between px-4">
                <span className="font-medium">{name}</span>
                <span className="text-ink-2">{macs === 1 ? '1 Mac' : `${macs} Macs`}</span>
              </li>
            ))}
          </ul>
        </Card>
      )}
    </div>
  )
}

function Subtitle({ policy }: { policy: PolicyInForce | undefined }) {
  if (policy === undefined) return 'What is demanded of every Mac.'
  return (
    <span className="flex flex-wrap items-center gap-x-4 gap-y-1">
      <span>
        Version {policy.version}
        {policy.inForceAt !== null && (
          <>
            , in force since <Ago at={policy.inForceAt} />
          </>
        )}
      </span>
      <span>
        Digest <Id value={policy.digest} what="policy digest" />
      </span>
    </span>
  )
}

function Rejudging({ progress }: { progress: NonNullable<PolicyInForce['rejudge']> }) {
  return (
    <Card className="px-4 py-3">
      <p role="status" className="mb-2">
        The fleet is being judged by version {progress.policyVersion}: {progress.done} of {progress.total} Macs. You can leave this page.
      </p>
      <progress
        aria-label="Macs judged by the new policy"
        className="h-1.5 w-full"
        max={Math.max(1, progress.total)}
        value={progress.done}
      />
    </Card>
  )
}
