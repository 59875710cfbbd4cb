'use client'
import { Search } from 'lucide-react'
import { useEffect, useState } from 'react'
import type { Answers, MacRow } from '../api.ts'
import { Choice } from '../components/choice.tsx'
import { Input, Select } from '../components/field.tsx'
import { TRUST } from '../components/state-badge.tsx'
import type { ListState } from './use-list-state.ts'

type FiltersProps = {
  state: ListState
  update: (change: Partial<ListState>) => void
  counts: Answers['macs']['listMacs']['counts'] | undefined
}

const STATES = Object.keys(TRUST) as MacRow['trust'][]

export function Filters({ state, update, counts }: FiltersProps) {
  const all = counts === undefined ? undefined : STATES.reduce((sum, trust) => sum + (counts[trust] ?? 0), 0)
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line px-3 py-2">
      <SearchBox value={state.search} onChange={(search) => update({ search })} />
      <fieldset className="flex flex-wrap gap-0.5">
        <legend className="sr-only">Trust</legend>
        <Choice word="All" count={all} isOn={state.trust === undefined} onClick={() => update({ trust: undefined })} />
        {STATES.map((trust) => (
          <Choice
            key={trust}
            word={TRUST[trust].word}
            count={counts?.[trust]}
            isOn={state.trust === trust}
            onClick={() => update({ trust })}
          />
        ))}
      </fieldset>
      <Select
        aria-label="Connection"
        className="ml-auto w-40"
        value={state.connection ?? ''}
        onChange={(event) => update({ connection: event.target.value === '' ? undefined : (event.target.value as 'connected') })}
      >
        <option value="">Any connection</option>
        <option value="connected">Connected</option>
        <option value="offline">Offline</option>
      </Select>
    </div>
  )
}

const TYPING_PAUSE_MS = 200

/** Asks the server when typing pauses, and follows the address when that changes by other means. */
function SearchBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  // biome-ignore lint/correctness/useExhaustiveDependencies: only typing starts the pause
  useEffect(() => {
    if (text === value) return
    const timer = setTimeout(() => onChange(text.trim()), TYPING_PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <div className="relative w-64 max-w-full">
      <Search aria-hidden className="pointer-events-none absolute top-2 left-2.5 size-4 text-ink-3" />
      <Input
        type="search"
        aria-label="Search"
        placeholder="Name, serial number, id, model"
        maxLength={100}
        className="pl-8"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </div>
  )
}
