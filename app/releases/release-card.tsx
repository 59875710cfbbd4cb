'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Ban, CircleCheck, CircleDashed, LoaderCircle, OctagonPause } from 'lucide-react'
import Link from 'next/link'
import { useState } from 'react'
import { type Answers, api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader, Fact, Facts } from '../components/card.tsx'
import { Confirm } from '../components/dialog.tsx'
import { StateBadge } from '../components/state-badge.tsx'
import { Ago } from '../components/time.tsx'
import type { ReleasesView } from './rings-card.tsx'

type Release = Answers['releases']['listReleases']['releases'][number]
type Change = 'start' | 'pause' | 'resume' | 'withdraw'

const STATES = {
  draft: { tone: 'idle', icon: CircleDashed, word: 'Not started' },
  rolling: { tone: 'warn', icon: LoaderCircle, word: 'Rolling out' },
  paused: { tone: 'bad', icon: OctagonPause, word: 'Stopped' },
  complete: { tone: 'good', icon: CircleCheck, word: 'Complete' },
  withdrawn: { tone: 'idle', icon: Ban, word: 'Taken back' },
} as const

const CHANGES: Record<Release['state'], Change[]> = {
  draft: ['start'],
  rolling: ['pause', 'withdraw'],
  paused: ['resume', 'withdraw'],
  complete: ['withdraw'],
  withdrawn: [],
}

const WORDS: Record<Change, string> = { start: 'Start the roll-out', pause: 'Stop', resume: 'Let it go on', withdraw: 'Take it back' }

type Props = { release: Release; rings: ReleasesView['rings']; mayManage: boolean }

export function ReleaseCard({ release, rings, mayManage }: Props) {
  const [asking, setAsking] = useState<Change | undefined>()
  const queries = useQueryClient()
  const change = useMutation({
    mutationFn: (wanted: Change) => api.releases.changeRelease.mutate({ id: release.id, change: wanted }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['releases'] })
      setAsking(undefined)
    },
  })
  return (
    <Card>
      <CardHeader title={`Agent ${release.version}`} note={release.notes || undefined}>
        <StateBadge {...STATES[release.state]} />
      </CardHeader>
      {!release.isAllowed && (
        <p className="border-b border-line bg-warn-soft px-4 py-2 text-warn">
          The policy in force does not allow this release: Macs that run it may not serve.{' '}
          <Link href="/policy" className="underline">
            Propose it under Policy
          </Link>
          .
        </p>
      )}
      <Facts>
        <Fact term="Reached">{describeReach(release)}</Fact>
        {release.because !== null && <Fact term={release.state === 'paused' ? 'Stopped' : 'Waiting'}>{release.because}</Fact>}
        <Fact term="Macs">
          {release.running} run it, {release.routable} of them can serve
          {release.failed > 0 && `, ${release.failed} could not install it`}
        </Fact>
        <Fact term="Code">
          <span className="font-mono text-xs break-all">{release.codeHash}</span>
        </Fact>
        <Fact term="Package">
          <span className="font-mono text-xs break-all">
            {release.packageUrl}
            <br />
            SHA-256 {release.packageSha256}
          </span>
        </Fact>
        <Fact term="Added">
          <Ago at={release.createdAt} />
        </Fact>
      </Facts>
      {mayManage && CHANGES[release.state].length > 0 && (
        <footer className="flex flex-wrap gap-2 border-t border-line px-4 py-2.5">
          {CHANGES[release.state].map((one) => (
            <Button key={one} variant={one === 'withdraw' ? 'danger' : 'secondary'} onClick={() => setAsking(one)}>
              {WORDS[one]}
            </Button>
          ))}
        </footer>
      )}
      <Confirm
        isOpen={asking !== undefined}
        onOpenChange={() => setAsking(undefined)}
        title={asking === undefined ? '' : `${WORDS[asking]}: agent ${release.version}?`}
        action={asking === undefined ? '' : WORDS[asking]}
        isBusy={change.isPending}
        error={change.error}
        onConfirm={() => asking !== undefined && change.mutate(asking)}
      >
        <p>{asking !== undefined && describeConsequence(asking, release, rings)}</p>
      </Confirm>
    </Card>
  )
}

function describeReach({ state, ring, ringSince }: Release) {
  if (state === 'draft') return 'Nobody yet.'
  return (
    <>
      Ring “{ring}”
      {ringSince !== null && (
        <>
          , <Ago at={ringSince} />
        </>
      )}
    </>
  )
}

function describeConsequence(change: Change, release: Release, rings: ReleasesView['rings']): string {
  const macs = (count: number): string => `${count} ${count === 1 ? 'Mac' : 'Macs'}`
  if (change === 'start') {
    return `${macs(rings.canary)} in ring “canary” are told to install it, at most 50 a minute; the others follow when those stay able to serve.`
  }
  if (change === 'pause') return 'No other Mac is told to install it. Macs that have it keep it.'
  if (change === 'resume')
    return `It goes on at ring “${release.ring}”. From now on the present state of its Macs counts as the normal one.`
  return `${macs(release.running)} that run it are told to install the release before, where one is complete; no other Mac gets it.`
}
