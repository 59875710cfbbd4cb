'use client'
import { type ChangeEvent, type FormEvent, useId, useState } from 'react'
import { Button } from '../components/button.tsx'
import { Field, TextArea } from '../components/field.tsx'

/** What the appliance takes at once. */
const MAX_CHARACTERS = 900_000

const EXAMPLE = 'serial,name,pool,ring\nC02ABCDEFGH1,design-01,,early\nC02ABCDEFGH2,design-02,,'

type ListFormProps = { text: string; onChange: (text: string) => void; isBusy: boolean; onLook: () => void }

/** A pasted list or a file of it; nothing leaves the browser before it is looked at. */
export function ListForm({ text, onChange, isBusy, onLook }: ListFormProps) {
  const [fault, setFault] = useState<string>()
  const file = useId()
  async function choose(event: ChangeEvent<HTMLInputElement>) {
    const chosen = event.currentTarget.files?.[0]
    event.currentTarget.value = ''
    if (chosen === undefined) return
    if (chosen.size > MAX_CHARACTERS) return setFault(`${chosen.name} is larger than 900 KB. Import it in parts.`)
    setFault(undefined)
    onChange(await chosen.text())
  }
  function submit(event: FormEvent) {
    event.preventDefault()
    onLook()
  }
  return (
    <form onSubmit={submit} className="space-y-3 px-4 py-4">
      <Field
        label="Macs"
        hint="One serial number a line, or CSV with a head line: serial, name, pool, ring. Up to 10,000 Macs."
        fault={fault}
      >
        <TextArea
          value={text}
          onChange={(event) => onChange(event.target.value)}
          rows={8}
          maxLength={MAX_CHARACTERS}
          spellCheck={false}
          autoComplete="off"
          placeholder={EXAMPLE}
          className="font-mono text-xs"
        />
      </Field>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <span>
          <label htmlFor={file} className="sr-only">
            Read the list from a file
          </label>
          <input
            id={file}
            type="file"
            accept=".csv,.tsv,.txt,text/csv,text/plain"
            onChange={(event) => void choose(event)}
            className="block text-sm text-ink-2 file:mr-3 file:h-8 file:rounded-md file:border file:border-line-strong file:bg-surface file:px-3 file:text-ink"
          />
        </span>
        <Button type="submit" variant="primary" isBusy={isBusy} disabled={text.trim() === ''}>
          Look at the list
        </Button>
      </div>
    </form>
  )
}
