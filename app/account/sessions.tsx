'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type Answers, api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { Confirm } from '../components/dialog.tsx'
import { FailedState, LoadingRows } from '../components/states.tsx'
import { Ago, LocalTime } from '../components/time.tsx'
import { describeUserAgent } from './describe-user-agent.ts'

type Session = Answers['session']['listMySessions'][number]

/** Where this person is signed in; each can be ended from here. */
export function Sessions() {
  const [ending, setEnding] = useState<Session | undefined>()
  const [isEndingOthers, setIsEndingOthers] = useState(false)
  const sessions = useQuery({ queryKey: ['sessions'], queryFn: () => api.session.listMySessions.query() })
  return (
    <Card className="overflow-hidden">
      <CardHeader title="Sessions" note="end after 12 hours without use, and after 7 days in any case">
        {(sessions.data?.length ?? 0) > 1 && (
          <Button size="sm" onClick={() => setIsEndingOthers(true)}>
            End all others
          </Button>
        )}
      </CardHeader>
      {sessions.data !== undefined ? (
        <ul className="divide-y divide-line">
          {sessions.data.map((session) => (
            <li key={session.id} className="flex items-center gap-4 px-4 py-2.5">
              <div className="min-w-0 flex-1">
                <p className="font-medium">
                  {describeUserAgent(session.userAgent)}
                  {session.isThisOne && <span className="ml-2 text-xs font-normal text-good">this session</span>}
                </p>
                <p className="text-ink-2">
                  {session.ip}, signed in <LocalTime at={session.createdAt} />, last seen <Ago at={session.lastSeenAt} />
                </p>
              </div>
              {!session.isThisOne && (
                <Button size="sm" onClick={() => setEnding(session)}>
                  End
                </Button>
              )}
            </li>
          ))}
        </ul>
      ) : sessions.isError ? (
        <FailedState error={sessions.error} retry={() => void sessions.refetch()} what="The sessions could not be loaded" />
      ) : (
        <LoadingRows rows={2} label="Loading your sessions" />
      )}
      {isEndingOthers && <EndOthers count={(sessions.data?.length ?? 1) - 1} onClose={() => setIsEndingOthers(false)} />}
      {ending !== undefined && <EndSession session={ending} onClose={() => setEnding(undefined)} />}
    </Card>
  )
}

function EndSession({ session, onClose }: { session: Session; onClose: () => void }) {
  const queries = useQueryClient()
  const end = useMutation({
    mutationFn: () => api.session.revokeSession.mutate({ id: session.id }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['sessions'] })
      onClose()
    },
  })
  return (
    <Confirm
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title="End this session?"
      action="End the session"
      isBusy={end.isPending}
      error={end.error}
      onConfirm={() => end.mutate()}
    >
      <p>
        {describeUserAgent(session.userAgent)} at {session.ip} is signed out at its next request. API keys and Macs are not affected.
      </p>
    </Confirm>
  )
}

function EndOthers({ count, onClose }: { count: number; onClose: () => void }) {
  const queries = useQueryClient()
  const end = useMutation({
    mutationFn: () => api.session.endOtherSessions.mutate(),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['sessions'] })
      onClose()
    },
  })
  return (
    <Confirm
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title="End all your other sessions?"
      action={count === 1 ? 'End the other session' : `End ${count} sessions`}
      isBusy={end.isPending}
      error={end.error}
      onConfirm={() => end.mutate()}
    >
      <p>You stay signed in here, and are signed out everywhere else at the next request. API keys and Macs are not affected.</p>
    </Confirm>
  )
}
