'use client'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { BellOff, Lock } from 'lucide-react'
import { useRouter, useSearchParams } from 'next/navigation'
import { api } from '../api.ts'
import { Card } from '../components/card.tsx'
import { Choice } from '../components/choice.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, FailedState, LoadingRows } from '../components/states.tsx'
import { Pager } from '../macs/pager.tsx'
import { useSession } from '../use-session.ts'
import { AlertItem } from './alert-item.tsx'

const PAGE_SIZE = 50
const REFRESH_MS = 15_000

/** What needs somebody now; and what did. */
export function AlertsPage() {
  const session = useSession()
  const [state, update] = useAlertsState()
  const may = session?.may.includes('read alerts') ?? false
  const list = useQuery({
    queryKey: ['alerts', state],
    queryFn: () => api.alerts.listAlerts.query({ ...state, pageSize: PAGE_SIZE }),
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MS,
    enabled: may,
  })
  const open = list.data && Object.values(list.data.counts).reduce((sum, count) => sum + (count?.open ?? 0), 0)
  return (
    <>
      <PageHeader title="Alerts" note="What needs somebody. An alert goes away by itself once its cause is gone." />
      <Card className="overflow-hidden">
        <fieldset className="flex min-w-0 flex-wrap gap-0.5 border-b border-line px-3 py-2">
          <legend className="sr-only">Which alerts</legend>
          <Choice word="Open" count={open} isOn={state.open} onClick={() => update({ open: true })} />
          <Choice word="Cleared" isOn={!state.open} onClick={() => update({ open: false })} />
        </fieldset>
        {session !== undefined && !may ? (
          <EmptyState icon={Lock} title="Your role does not read alerts">
            Ask an owner or IT admin if you need to.
          </EmptyState>
        ) : list.data === undefined ? (
          list.isError ? (
            <FailedState error={list.error} retry={() => void list.refetch()} what="The alerts could not be loaded" />
          ) : (
            <LoadingRows label="Loading the alerts" />
          )
        ) : list.data.rows.length === 0 ? (
          <EmptyState icon={BellOff} title={state.open ? 'Nothing needs your attention' : 'No alert was ever cleared'}>
            The push certificate, the way to Apple’s servers and the fleet are looked at every minute.
          </EmptyState>
        ) : (
          <>
            <ul className="divide-y divide-line">
              {list.data.rows.map((alert) => (
                <AlertItem key={alert.id} alert={alert} />
              ))}
            </ul>
            <Pager page={state.page} pageSize={PAGE_SIZE} total={list.data.total} onPage={(page) => update({ page })} />
          </>
        )}
      </Card>
    </>
  )
}

type State = { open: boolean; page: number }

/** What the list shows, kept in the address. */
function useAlertsState(): [State, (change: Partial<State>) => void] {
  const router = useRouter()
  const params = useSearchParams()
  const page = Number(params.get('page'))
  const state = { open: params.get('show') !== 'cleared', page: Number.isInteger(page) && page > 0 ? page : 1 }

  function update(change: Partial<State>): void {
    const { open, page: wanted } = { ...state, page: 1, ...change }
    const next = new URLSearchParams()
    if (!open) next.set('show', 'cleared')
    if (wanted > 1) next.set('page', String(wanted))
    router.replace(next.size === 0 ? '/alerts' : `/alerts?${next}`, { scroll: false })
  }
  return [state, update]
}
