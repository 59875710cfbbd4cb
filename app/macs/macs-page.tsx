'use client'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Laptop, Plus, SearchX } from 'lucide-react'
import Link from 'next/link'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, FailedState, LoadingRows } from '../components/states.tsx'
import { useMay } from '../use-session.ts'
import { Filters } from './filters.tsx'
import { MacTable } from './mac-table.tsx'
import { Pager } from './pager.tsx'
import { type ListState, useListState } from './use-list-state.ts'

const PAGE_SIZE = 50
const REFRESH_MS = 10_000

export function MacsPage() {
  const [state, update] = useListState()
  const mayInvite = useMay('invite Macs')
  const mayImport = useMay('import the inventory')
  const list = useQuery({
    queryKey: ['macs', state],
    queryFn: () => api.macs.listMacs.query(toQuery(state)),
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MS,
  })
  return (
    <>
      <PageHeader title="Macs" note="Every Mac of the inventory, and whether it may answer requests.">
        {mayImport && (
          <Button asChild>
            <Link href="/macs/import">Import a list</Link>
          </Button>
        )}
        {mayInvite && <InviteButton />}
      </PageHeader>
      <Card className="overflow-hidden">
        <Filters state={state} update={update} counts={list.data?.counts} />
        {list.data !== undefined ? (
          <>
            {list.data.rows.length > 0 ? (
              <MacTable rows={list.data.rows} state={state} update={update} isStale={list.isPlaceholderData} />
            ) : (
              <NothingFound state={state} update={update} mayInvite={mayInvite} />
            )}
            <Pager page={state.page} pageSize={PAGE_SIZE} total={list.data.total} onPage={(page) => update({ page })} />
          </>
        ) : list.isError ? (
          <FailedState error={list.error} retry={() => void list.refetch()} what="The Macs could not be loaded" />
        ) : (
          <LoadingRows label="Loading the Macs" rows={8} />
        )}
      </Card>
    </>
  )
}

function toQuery({ trust, connection, ...rest }: ListState) {
  return { ...rest, pageSize: PAGE_SIZE, ...(trust && { trust }), ...(connection && { connection }) }
}

function InviteButton() {
  return (
    <Button asChild variant="primary">
      <Link href="/macs/invite">
        <Plus aria-hidden className="size-4" />
        Invite a Mac
      </Link>
    </Button>
  )
}

type NothingFoundProps = { state: ListState; update: (change: Partial<ListState>) => void; mayInvite: boolean }

function NothingFound({ state, update, mayInvite }: NothingFoundProps) {
  const isFiltered = state.search !== '' || state.trust !== undefined || state.connection !== undefined
  if (!isFiltered)
    return (
      <EmptyState icon={Laptop} title="No Macs yet" action={mayInvite ? <InviteButton /> : undefined}>
        A Mac joins by an enrollment link made for its serial number. {mayInvite ? '' : 'Ask an IT admin to invite the first one.'}
      </EmptyState>
    )
  const clear = () => update({ search: '', trust: undefined, connection: undefined })
  return (
    <EmptyState icon={SearchX} title="No Mac matches" action={<Button onClick={clear}>Clear the filters</Button>}>
      Search looks at name, serial number, id and model. Fewer filters show more Macs.
    </EmptyState>
  )
}
