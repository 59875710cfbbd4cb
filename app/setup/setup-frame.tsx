'use client'
import type { UseQueryResult } from '@tanstack/react-query'
import { Lock } from 'lucide-react'
import type { ReactNode } from 'react'
import { Card } from '../components/card.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, FailedState, LoadingRows } from '../components/states.tsx'
import { useSession } from '../use-session.ts'

type SetupFrameProps<T> = {
  title: string
  note: string
  /** What is loaded, as the end of “… could not be loaded”. */
  what: string
  query: UseQueryResult<T>
  isRoot?: boolean
  actions?: ReactNode
  children: (data: T) => ReactNode
}

/** A page of the set-up: its head, and whatever stands below while it loads, fails or is not for this role. */
export function SetupFrame<T>({ title, note, what, query, isRoot = false, actions, children }: SetupFrameProps<T>) {
  const session = useSession()
  const isDenied = session !== undefined && !session.may.includes('read the set-up')
  return (
    <>
      <PageHeader title={title} note={note} {...(isRoot ? {} : { parent: { href: '/setup', title: 'Set-up' } })}>
        {!isDenied && actions}
      </PageHeader>
      {isDenied ? (
        <Card>
          <EmptyState icon={Lock} title="Your role does not read the set-up">
            Ask an owner or IT admin.
          </EmptyState>
        </Card>
      ) : query.data !== undefined ? (
        children(query.data)
      ) : (
        <Card>
          {query.isError ? (
            <FailedState error={query.error} retry={() => void query.refetch()} what={`${what} could not be loaded`} />
          ) : (
            <LoadingRows label={`Loading ${what.toLowerCase()}`} rows={6} />
          )}
        </Card>
      )}
    </>
  )
}

/** The set-up is asked for only by whoever may read it. */
export const useMayReadSetup = (): boolean => useSession()?.may.includes('read the set-up') ?? false
