'use client'
import { Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { PolicyDraft } from '../api.ts'
import { Button, IconButton } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { MacPicker } from './mac-picker.tsx'
import { POOL_SETTINGS, type PoolSetting, SETTING_FIELDS } from './setting-fields.ts'
import { SettingInput } from './setting-input.tsx'
import type { Move } from './use-preview.ts'

type Pools = PolicyDraft['pools']
type PoolEditorProps = {
  draft: PolicyDraft
  onChange: (pools: Pools) => void
  moves: Move[]
  onMoves: (moves: Move[]) => void
}

/** Groups of Macs with rules of their own, and which Macs go where. */
export function PoolEditor({ draft, onChange, moves, onMoves }: PoolEditorProps) {
  const [name, setName] = useState('')
  const { pools } = draft
  const isNew = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(name) && !pools.some((pool) => pool.name === name)
  return (
    <Card id="pools">
      <CardHeader title="Pools" note="Groups of Macs with rules of their own" />
      <div className="space-y-4 px-4 py-3">
        {pools.map((pool, index) => (
          <OnePool
            key={pool.name}
            pool={pool}
            draft={draft}
            onChange={(rules) => onChange(pools.with(index, { ...pool, rules }))}
            onRemove={() => onChange(pools.toSpliced(index, 1))}
          />
        ))}
        <div className="flex items-end gap-2">
          <Field label="New pool" hint="Small letters, digits and hyphens.">
            <Input maxLength={32} value={name} onChange={(event) => setName(event.target.value)} />
          </Field>
          <Button
            className="mb-5"
            disabled={!isNew}
            onClick={() => {
              onChange([...pools, { name, rules: {} }])
              setName('')
            }}
          >
            Add the pool
          </Button>
        </div>
        {pools.length > 0 && <Moves pools={pools} moves={moves} onMoves={onMoves} />}
      </div>
    </Card>
  )
}

type OnePoolProps = { pool: Pools[number]; draft: PolicyDraft; onChange: (rules: Pools[number]['rules']) => void; onRemove: () => void }

function OnePool({ pool: { name, rules }, draft, onChange, onRemove }: OnePoolProps) {
  const own = POOL_SETTINGS.filter((setting) => rules[setting] !== undefined)
  const others = POOL_SETTINGS.filter((setting) => rules[setting] === undefined)
  const without = (setting: PoolSetting) => Object.fromEntries(Object.entries(rules).filter(([key]) => key !== setting))
  return (
    <fieldset className="rounded-md border border-line px-4 py-3">
      <legend className="px-1 font-semibold">{name}</legend>
      {own.length === 0 && <p className="mb-2 text-ink-2">It goes by everyone’s rules.</p>}
      <div className="space-y-3">
        {own.map((setting) => (
          <div key={setting} className="flex items-start gap-2">
            <div className="min-w-0 flex-1">
              <SettingInput
                name={setting}
                value={rules[setting] ?? draft[setting]}
                onChange={(value) => onChange({ ...rules, [setting]: value })}
              />
            </div>
            <IconButton label={`As for everyone: ${SETTING_FIELDS[setting].label}`} onClick={() => onChange(without(setting))}>
              <Trash2 aria-hidden className="size-4" />
            </IconButton>
          </div>
        ))}
      </div>
      <div className="mt-3 flex flex-wrap items-center justify-between gap-2">
        <Select
          aria-label={`Add a rule to pool ${name}`}
          className="w-80 max-w-full"
          value=""
          onChange={(event) => onChange({ ...rules, [event.target.value]: draft[event.target.value as PoolSetting] })}
        >
          <option value="" disabled>
            Add a rule of its own…
          </option>
          {others.map((setting) => (
            <option key={setting} value={setting}>
              {SETTING_FIELDS[setting].label}
            </option>
          ))}
        </Select>
        <Button size="sm" onClick={onRemove}>
          Remove the pool<span className="sr-only"> {name}</span>
        </Button>
      </div>
    </fieldset>
  )
}

function Moves({ pools, moves, onMoves }: { pools: Pools; moves: Move[]; onMoves: (moves: Move[]) => void }) {
  const [names, setNames] = useState<Record<string, string>>({})
  return (
    <fieldset className="space-y-2">
      <legend className="mb-1 font-medium">Macs that change their pool</legend>
      {moves.map((move, index) => (
        <div key={move.mac} className="flex items-center gap-2">
          <span className="min-w-0 flex-1 truncate">{names[move.mac] ?? move.mac}</span>
          <Select
            aria-label={`Pool of ${names[move.mac] ?? move.mac}`}
            className="w-48"
            value={move.pool ?? ''}
            onChange={(event) => onMoves(moves.with(index, { ...move, pool: event.target.value === '' ? null : event.target.value }))}
          >
            <option value="">no pool</option>
            {pools.map((pool) => (
              <option key={pool.name} value={pool.name}>
                {pool.name}
              </option>
            ))}
          </Select>
          <IconButton label={`Leave ${names[move.mac] ?? move.mac} where it is`} onClick={() => onMoves(moves.toSpliced(index, 1))}>
            <Trash2 aria-hidden className="size-4" />
          </IconButton>
        </div>
      ))}
      <MacPicker
        label="Move a Mac"
        onPick={(mac) => {
          setNames({ ...names, [mac.id]: mac.name ?? mac.serial })
          if (!moves.some((move) => move.mac === mac.id)) onMoves([...moves, { mac: mac.id, pool: pools[0]?.name ?? null }])
        }}
      />
    </fieldset>
  )
}
