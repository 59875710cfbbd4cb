'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { Confirm } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { type ActionDialog, runningOn } from './restart-mac.tsx'

/** Nothing undoes this: the serial number is typed, and the server compares it once more. */
export function EraseMac({ mac, isOpen, onOpenChange }: ActionDialog) {
  const [serial, setSerial] = useState('')
  const queries = useQueryClient()
  const erase = useMutation({
    mutationFn: () => api.macs.eraseMac.mutate({ mac: mac.id, serial }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['mac', mac.id] })
      close()
    },
  })
  function close() {
    onOpenChange(false)
    erase.reset()
    setSerial('')
  }
  return (
    <Confirm
      isOpen={isOpen}
      onOpenChange={(opens) => (opens ? onOpenChange(true) : close())}
      title={`Erase ${mac.name ?? mac.serial}?`}
      action="Erase 1 Mac"
      isBusy={erase.isPending}
      error={erase.error}
      onConfirm={() => erase.mutate()}
    >
      <ul className="list-disc space-y-1 pl-5">
        <li>Everything on this one Mac is deleted as soon as it is reached, within thirty days. Nothing brings it back.</li>
        <li>{runningOn(mac)}</li>
        <li>Its key and its enrollment are lost; it serves again only after it has enrolled anew.</li>
      </ul>
      <div className="pt-1 text-ink">
        <Field label="Serial number" hint={`To confirm, type ${mac.serial}.`}>
          <Input
            value={serial}
            autoComplete="off"
            spellCheck={false}
            maxLength={32}
            onChange={(event) => setSerial(event.currentTarget.value)}
          />
        </Field>
      </div>
    </Confirm>
  )
}
