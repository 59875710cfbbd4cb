'use client'
import { useState } from 'react'
import type { PolicyDraft, PolicyInForce } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { Field, Input, Select, TextArea } from '../components/field.tsx'
import { LocalTime } from '../components/time.tsx'
import { MacPicker } from './mac-picker.tsx'

type Waivers = PolicyDraft['waivers']
type WaiverDraft = Waivers[number]
type Scope = WaiverDraft['scope']
type Waivable = PolicyInForce['waivable']

const DAY_MS = 24 * 3600_000
const MAX_DAYS = 90

type WaiverEditorProps = {
  waivers: Waivers
  onChange: (waivers: Waivers) => void
  waivable: Waivable
  pools: readonly string[]
  mac: string | undefined
}

/** What is excused: those that stand can only end, new ones need a reason and an end. */
export function WaiverEditor({ waivers, onChange, waivable, pools, mac }: WaiverEditorProps) {
  const wordOf = (code: string) => waivable.find((one) => one.code === code)?.sentence ?? code
  return (
    <Card id="waivers">
      <CardHeader title="Waivers" note="One demand excused, for 90 days at most" />
      <div className="space-y-4 px-4 py-3">
        {waivers.length > 0 && (
          <ul className="divide-y divide-line">
            {waivers.map((waiver, index) => (
              <li key={waiver.id ?? JSON.stringify(waiver)} className="flex items-start gap-3 py-2">
                <span className="min-w-0 flex-1">
                  <span className="font-medium">{wordOf(waiver.code)}</span> For {nameScope(waiver.scope)}, until{' '}
                  <LocalTime at={waiver.until} />.<span className="block text-ink-2">{waiver.why}</span>
                </span>
                <Button size="sm" onClick={() => onChange(waivers.toSpliced(index, 1))}>
                  {waiver.id === undefined ? 'Take back' : 'End it now'}
                  <span className="sr-only">: {wordOf(waiver.code)}</span>
                </Button>
              </li>
            ))}
          </ul>
        )}
        <NewWaiver waivable={waivable} pools={pools} mac={mac} onAdd={(waiver) => onChange([...waivers, waiver])} />
      </div>
    </Card>
  )
}

const nameScope = (scope: Scope): string => {
  if (scope.kind === 'mac') return `Mac ${scope.mac}`
  return scope.kind === 'pool' ? `pool “${scope.pool}”` : 'every Mac'
}

type NewWaiverProps = Omit<WaiverEditorProps, 'waivers' | 'onChange'> & { onAdd: (waiver: WaiverDraft) => void }

function NewWaiver({ waivable, pools, mac, onAdd }: NewWaiverProps) {
  const [code, setCode] = useState<WaiverDraft['code'] | ''>('')
  const [scope, setScope] = useState<Scope>(mac === undefined ? { kind: 'all' } : { kind: 'mac', mac })
  const [why, setWhy] = useState('')
  const [days, setDays] = useState(30)
  const isComplete = code !== '' && why.trim() !== '' && days >= 1 && days <= MAX_DAYS && (scope.kind !== 'mac' || scope.mac !== '')
  const kinds = ['all', 'mac', ...(pools.length > 0 ? ['pool'] : [])]
  return (
    <fieldset className="space-y-3 rounded-md border border-line px-4 py-3">
      <legend className="px-1 font-semibold">Ask for a waiver</legend>
      <div className="grid gap-3 md:grid-cols-3">
        <Field label="What is excused">
          <Select value={code} onChange={(event) => setCode(event.target.value as WaiverDraft['code'])}>
            <option value="" disabled>
              Choose…
            </option>
            {waivable.map((one) => (
              <option key={one.code} value={one.code}>
                {one.sentence}
              </option>
            ))}
          </Select>
        </Field>
        <Field label="For whom">
          <Select
            value={scope.kind}
            onChange={(event) => {
              const kind = event.target.value
              setScope(kind === 'mac' ? { kind, mac: mac ?? '' } : kind === 'pool' ? { kind, pool: pools[0] ?? '' } : { kind: 'all' })
            }}
          >
            {kinds.map((kind) => (
              <option key={kind} value={kind}>
                {{ all: 'every Mac', mac: 'one Mac', pool: 'a pool' }[kind]}
              </option>
            ))}
          </Select>
        </Field>
        <Field label="For how many days" hint="90 at most.">
          <Input type="number" min={1} max={MAX_DAYS} value={days} onChange={(event) => setDays(Number(event.target.value))} />
        </Field>
      </div>
      {scope.kind === 'pool' && (
        <Field label="Which pool">
          <Select value={scope.pool} onChange={(event) => setScope({ kind: 'pool', pool: event.target.value })}>
            {pools.map((pool) => (
              <option key={pool}>{pool}</option>
            ))}
          </Select>
        </Field>
      )}
      {scope.kind === 'mac' && (
        <>
          <MacPicker label="Which Mac" onPick={({ id }) => setScope({ kind: 'mac', mac: id })} />
          {scope.mac !== '' && <p className="text-ink-2">For Mac {scope.mac}.</p>}
        </>
      )}
      <Field label="Why, and what stands in its place" hint="Everyone who sees the Mac reads this.">
        <TextArea maxLength={500} value={why} onChange={(event) => setWhy(event.target.value)} />
      </Field>
      <Button
        disabled={!isComplete}
        onClick={() => {
          if (code === '') return
          onAdd({ code, scope, why: why.trim(), until: new Date(Date.now() + days * DAY_MS - 60_000).toISOString() })
          setCode('')
          setWhy('')
        }}
      >
        Add the waiver
      </Button>
    </fieldset>
  )
}
