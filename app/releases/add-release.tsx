'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input, TextArea } from '../components/field.tsx'
import { FailureNote } from '../components/states.tsx'

type Props = { isOpen: boolean; onOpenChange: (isOpen: boolean) => void }

export function AddReleaseDialog({ isOpen, onOpenChange }: Props) {
  const queries = useQueryClient()
  const add = useMutation({
    mutationFn: (release: Parameters<typeof api.releases.addRelease.mutate>[0]) => api.releases.addRelease.mutate(release),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['releases'] })
      onOpenChange(false)
    },
  })
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string): string => String(form.get(name) ?? '').trim()
    add.mutate({
      version: text('version'),
      codeHash: text('codeHash').toLowerCase(),
      teamId: text('teamId') || null,
      bundleIdentifier: text('bundleIdentifier'),
      packageUrl: text('packageUrl'),
      packageSha256: text('packageSha256').toLowerCase(),
      packageBytes: Number(text('packageBytes')),
      notes: text('notes'),
    })
  }
  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={onOpenChange}
      title="Add a release"
      description="It goes nowhere until it is started, and not before the policy allows it."
    >
      <form onSubmit={submit} className="space-y-4 p-5">
        <Field label="Version">
          <Input name="version" required maxLength={64} autoComplete="off" />
        </Field>
        <Field label="Code hash" hint="SHA-256 of the agent’s code, as it says of itself: in the release’s notes.">
          <Input name="codeHash" required pattern="[0-9a-fA-F]{64}" className="font-mono" autoComplete="off" spellCheck={false} />
        </Field>
        <Field label="Team ID" hint="Of the Developer ID that signed it; leave empty for none.">
          <Input name="teamId" pattern="[A-Z0-9]{10}" className="font-mono" autoComplete="off" spellCheck={false} />
        </Field>
        <Field label="Bundle identifier">
          <Input name="bundleIdentifier" required defaultValue="dev.espalier.agent" className="font-mono" spellCheck={false} />
        </Field>
        <Field label="Package address" hint="Where Macs fetch the signed and notarised package; https.">
          <Input name="packageUrl" type="url" required pattern="https://.*" spellCheck={false} />
        </Field>
        <Field label="Package hash" hint="SHA-256 of the file: shasum -a 256 agent.pkg">
          <Input name="packageSha256" required pattern="[0-9a-fA-F]{64}" className="font-mono" spellCheck={false} />
        </Field>
        <Field label="Package size in bytes">
          <Input name="packageBytes" type="number" required min={1} max={4_000_000_000} />
        </Field>
        <Field label="Notes">
          <TextArea name="notes" maxLength={2000} />
        </Field>
        {add.error !== null && <FailureNote error={add.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={() => onOpenChange(false)}>Cancel</Button>
          <Button type="submit" variant="primary" isBusy={add.isPending}>
            Add the release
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
