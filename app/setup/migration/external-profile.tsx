'use client'
import { useMutation } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import type { FormEvent } from 'react'
import { api } from '../../api.ts'
import { Button } from '../../components/button.tsx'
import { Field, Input } from '../../components/field.tsx'
import { FailureNote } from '../../components/states.tsx'
import { Ago } from '../../components/time.tsx'
import { download } from '../push-file.ts'

/** One Mac's profile for the other MDM server; it is good once. */
export function ExternalProfile() {
  const make = useMutation({
    mutationFn: (serial: string) => api.macs.exportExternalProfile.mutate({ serial }),
    onSuccess: ({ fileName, profile }) => download(fileName, profile),
  })
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    make.mutate(String(new FormData(event.currentTarget).get('serial')))
  }
  return (
    <form onSubmit={submit} className="max-w-lg space-y-3">
      <Field label="Serial number" hint="The profile is for this Mac alone, and good once within seven days.">
        <Input name="serial" required autoComplete="off" spellCheck={false} maxLength={14} className="max-w-72 font-mono uppercase" />
      </Field>
      {make.error !== null && <FailureNote error={make.error} />}
      {make.data !== undefined && (
        <p role="status" className="rounded-md bg-good-soft px-3 py-2 text-good">
          {make.data.fileName} was made. Let the other server install it before it expires, <Ago at={make.data.expiresAt} />.
        </p>
      )}
      <Button type="submit" isBusy={make.isPending}>
        <Download aria-hidden className="size-4" />
        Make the profile
      </Button>
    </form>
  )
}
