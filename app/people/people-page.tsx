'use client'
import { Lock, UserPlus } from 'lucide-react'
import { useState } from 'react'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, LoadingRows } from '../components/states.tsx'
import { useSession } from '../use-session.ts'
import { AccessReview } from './access-review.tsx'
import { Invitations } from './invitations.tsx'
import { InvitePerson } from './invite-person.tsx'
import { PeopleList } from './people-list.tsx'

const FORBIDDEN = 'Your role does not read who has an account. An owner or an IT-admin can change your role.'

export function PeoplePage() {
  const [isInviting, setIsInviting] = useState(false)
  const session = useSession()
  const mayManage = session?.may.includes('manage people') ?? false
  return (
    <>
      <PageHeader title="People" note="Who administers this appliance, and who may do what.">
        {mayManage && (
          <Button variant="primary" onClick={() => setIsInviting(true)}>
            <UserPlus aria-hidden className="size-3.5" />
            Invite somebody
          </Button>
        )}
      </PageHeader>
      {session === undefined ? (
        <Card>
          <LoadingRows rows={4} label="Loading what you may do" />
        </Card>
      ) : session.may.includes('read people') ? (
        <div className="space-y-4">
          <PeopleList />
          <Invitations />
          <AccessReview />
        </div>
      ) : (
        <Card>
          <EmptyState icon={Lock} title="This page is not for your role">
            {FORBIDDEN}
          </EmptyState>
        </Card>
      )}
      {isInviting && <InvitePerson onClose={() => setIsInviting(false)} />}
    </>
  )
}
