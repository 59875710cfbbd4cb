'use client'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, type MacRow } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Field, Input } from '../components/field.tsx'

const SHOWN = 6

/** Finds one Mac by name, serial number or model. */
export function MacPicker({ label, onPick }: { label: string; onPick: (mac: Pick<MacRow, 'id' | 'name' | 'serial'>) => void }) {
  const [text, setText] = useState('')
  const search = text.trim()
  const found = useQuery({
    queryKey: ['macs', 'pick', search],
    queryFn: () => api.macs.listMacs.query({ search, pageSize: SHOWN }),
    enabled: search.length > 1,
  })
  return (
    <div>
      <Field label={label}>
        <Input
          type="search"
          placeholder="Name, serial number or model"
          maxLength={100}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </Field>
      {search.length > 1 && found.data !== undefined && (
        <ul className="mt-1 rounded-md border border-line">
          {found.data.rows.length === 0 && <li className="px-3 py-2 text-ink-3">No Mac matches.</li>}
          {found.data.rows.map((mac) => (
            <li key={mac.id} className="flex items-center justify-between gap-2 px-3 py-1">
              <span className="min-w-0 truncate">
                {mac.name ?? 'Not yet named'} <span className="text-ink-3">{mac.serial}</span>
              </span>
              <Button
                size="sm"
                onClick={() => {
                  onPick(mac)
                  setText('')
                }}
              >
                Choose<span className="sr-only"> {mac.name ?? mac.serial}</span>
              </Button>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
