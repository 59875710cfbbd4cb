'use client'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Search, Users } from 'lucide-react'
import { useState } from 'react'
import { api, type Person } from '../api.ts'
import { Card } from '../components/card.tsx'
import { Choice } from '../components/choice.tsx'
import { Input } from '../components/field.tsx'
import { EmptyState, FailedState, LoadingRows } from '../components/states.tsx'
import { Pager } from '../macs/pager.tsx'
import { useMay } from '../use-session.ts'
import { ChangePerson, type Deed } from './change-person.tsx'
import { PeopleTable } from './people-table.tsx'
import { type PeopleState, usePeopleState } from './use-people-state.ts'

const PAGE_SIZE = 25
const STATES = { all: 'All', active: 'Active', disabled: 'Disabled' } as const

export function PeopleList() {
  const [state, update] = usePeopleState()
  const [doing, setDoing] = useState<{ deed: Deed; person: Person } | undefined>()
  const mayManage = useMay('manage people')
  const people = useQuery({
    queryKey: ['people', state],
    queryFn: () => api.people.listPeople.query({ ...state, pageSize: PAGE_SIZE }),
    placeholderData: keepPreviousData,
  })
  return (
    <Card className="overflow-hidden">
      <Filters state={state} update={update} />
      {people.data === undefined ? (
        people.isError ? (
          <FailedState error={people.error} retry={() => void people.refetch()} what="The people could not be loaded" />
        ) : (
          <LoadingRows rows={4} label="Loading the people" />
        )
      ) : people.data.rows.length === 0 ? (
        <EmptyState icon={Users} title="Nobody like that">
          No account matches this search. Clear it to see everybody.
        </EmptyState>
      ) : (
        <>
          <PeopleTable rows={people.data.rows} mayManage={mayManage} onDeed={(deed, person) => setDoing({ deed, person })} />
          <Pager page={state.page} pageSize={PAGE_SIZE} total={people.data.total} onPage={(page) => update({ page })} />
        </>
      )}
      {doing !== undefined && (
        <ChangePerson {...doing} givableRoles={people.data?.givableRoles ?? []} onClose={() => setDoing(undefined)} />
      )}
    </Card>
  )
}

function Filters({ state, update }: { state: PeopleState; update: (change: Partial<PeopleState>) => void }) {
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line px-3 py-2">
      <search className="relative w-64 max-w-full">
        <form
          onSubmit={(event) => {
            event.preventDefault()
            update({ search: String(new FormData(event.currentTarget).get('search')).trim() })
          }}
        >
          <Search aria-hidden className="pointer-events-none absolute top-2 left-2.5 size-4 text-ink-3" />
          <Input
            key={state.search}
            name="search"
            type="search"
            aria-label="Search people"
            placeholder="Name or address, then Enter"
            maxLength={100}
            className="pl-8"
            defaultValue={state.search}
          />
        </form>
      </search>
      <fieldset className="flex flex-wrap gap-0.5">
        <legend className="sr-only">State</legend>
        {(Object.keys(STATES) as (keyof typeof STATES)[]).map((each) => (
          <Choice key={each} word={STATES[each]} isOn={state.state === each} onClick={() => update({ state: each })} />
        ))}
      </fieldset>
    </div>
  )
}
