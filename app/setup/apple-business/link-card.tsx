'use client'
import { CircleCheck, CircleDashed, LoaderCircle, OctagonX } from 'lucide-react'
import { useState } from 'react'
import { Button } from '../../components/button.tsx'
import { Card, CardHeader, Fact, Facts } from '../../components/card.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { Ago } from '../../components/time.tsx'
import { AssignedMacs } from './assigned-macs.tsx'
import type { AppleBusinessLink } from './link.ts'
import { LinkActions } from './link-actions.tsx'
import { TokenSteps } from './token-steps.tsx'

const STATES = {
  waiting: { tone: 'warn', icon: CircleDashed, word: 'Waiting for a token' },
  reading: { tone: 'warn', icon: LoaderCircle, word: 'Reading the list' },
  current: { tone: 'good', icon: CircleCheck, word: 'Linked' },
  failing: { tone: 'bad', icon: OctagonX, word: 'Not working' },
} as const

/** One link: what is to be done next, or how it stands. */
export function LinkCard({ link, mayManage }: { link: AppleBusinessLink; mayManage: boolean }) {
  const [isRenewing, setIsRenewing] = useState(false)
  return (
    <Card className="overflow-hidden">
      <CardHeader title={link.server?.name ?? 'New link'} note={link.server?.organization ?? undefined}>
        <StateBadge {...STATES[link.state]} />
      </CardHeader>
      {link.fault !== null && (
        <p className="border-b border-line bg-bad-soft px-4 py-2 text-bad">
          {link.fault.sentence} <span className="font-mono text-xs">{link.fault.code}</span>
        </p>
      )}
      {link.server !== null && <Standing link={link} server={link.server} />}
      {mayManage && (link.server === null || isRenewing) && <TokenSteps link={link} onInstalled={() => setIsRenewing(false)} />}
      {link.devices > 0 && <AssignedMacs link={link.id} />}
      {mayManage && (
        <footer className="flex flex-wrap items-center gap-2 border-t border-line px-4 py-2.5">
          {link.server !== null && !isRenewing && <Button onClick={() => setIsRenewing(true)}>Renew the token</Button>}
          <LinkActions link={link} />
        </footer>
      )}
    </Card>
  )
}

function Standing({ link, server }: { link: AppleBusinessLink; server: NonNullable<AppleBusinessLink['server']> }) {
  const { devices, assigned, failed } = link
  return (
    <Facts>
      <Fact term="Macs">
        {devices === 0 ? 'None is assigned to this service in Apple Business yet.' : `${devices} assigned by Apple Business`}
        {devices > 0 && `, ${assigned} ${assigned === 1 ? 'has' : 'have'} the enrollment profile`}
        {failed > 0 && `, ${failed} refused it (tried again every hour)`}
      </Fact>
      <Fact term="New Macs">
        {link.assignsNewMacs ? 'get the enrollment profile by themselves' : 'are listed here and get no profile from this appliance'}
      </Fact>
      <Fact term="Last read">{link.syncedAt === null ? 'never' : <Ago at={link.syncedAt} />}</Fact>
      <Fact term="Token">
        {server.isTokenExpired ? 'expired ' : 'expires '}
        <Ago at={server.tokenExpiresAt} />
      </Fact>
    </Facts>
  )
}
