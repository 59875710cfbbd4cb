'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { type Answers, api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { CopyField } from '../components/copyable.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { FailureNote } from '../components/states.tsx'
import { SCOPE_TEXT } from './scopes.ts'

type Created = Answers['apiKeys']['createApiKey']
type Wish = Parameters<typeof api.apiKeys.createApiKey.mutate>[0]
type CreateKeyProps = { isOpen: boolean; onOpenChange: (isOpen: boolean) => void; grantable: readonly string[] }

export function CreateKey({ isOpen, onOpenChange, grantable }: CreateKeyProps) {
  const queries = useQueryClient()
  const create = useMutation({
    mutationFn: (wish: Wish) => api.apiKeys.createApiKey.mutate(wish),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['keys'] }),
  })
  function close(isOpen: boolean) {
    if (!isOpen) create.reset()
    onOpenChange(isOpen)
  }
  const isMade = create.data !== undefined
  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={close}
      title={isMade ? 'Your new key' : 'Create a key'}
      description={isMade ? 'Copy it now: it is not shown again.' : 'It acts in your name, and never does more than your role may.'}
    >
      {isMade ? (
        <ShownOnce created={create.data} onDone={() => close(false)} />
      ) : (
        <WishForm grantable={grantable} isBusy={create.isPending} error={create.error} onSubmit={create.mutate} />
      )}
    </Dialog>
  )
}

type WishFormProps = { grantable: readonly string[]; isBusy: boolean; error: unknown; onSubmit: (wish: Wish) => void }

const USUAL_SCOPES = new Set(['inference', 'models:read'])

function WishForm({ grantable, isBusy, error, onSubmit }: WishFormProps) {
  const [scopes, setScopes] = useState(() => grantable.filter((scope) => USUAL_SCOPES.has(scope)))
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const days = form.get('expires')
    onSubmit({ name: String(form.get('name')), scopes: scopes as Wish['scopes'], expiresInDays: days === 'never' ? null : Number(days) })
  }
  const toggle = (scope: string) => setScopes(scopes.includes(scope) ? scopes.filter((other) => other !== scope) : [...scopes, scope])
  return (
    <form onSubmit={submit}>
      <div className="space-y-4 px-5 py-4">
        <Field label="Name" hint="The tool or the place where it will be used.">
          <Input name="name" required autoFocus maxLength={80} autoComplete="off" placeholder="Editor on my laptop" />
        </Field>
        <fieldset>
          <legend className="mb-1 font-medium">Scopes</legend>
          <ul className="divide-y divide-line rounded-md border border-line">
            {grantable.map((scope) => (
              <li key={scope}>
                <label className="flex cursor-pointer items-start gap-2.5 px-3 py-2 hover:bg-hover">
                  <input
                    type="checkbox"
                    checked={scopes.includes(scope)}
                    onChange={() => toggle(scope)}
                    className="mt-0.5 size-4 accent-accent-fill"
                  />
                  <span>
                    <span className="font-mono text-xs">{scope}</span>
                    <span className="block text-ink-2">{SCOPE_TEXT[scope]}</span>
                  </span>
                </label>
              </li>
            ))}
          </ul>
        </fieldset>
        <Field label="Expires">
          <Select name="expires" defaultValue="90">
            <option value="30">In 30 days</option>
            <option value="90">In 90 days</option>
            <option value="365">In a year</option>
            <option value="never">Never</option>
          </Select>
        </Field>
        {error !== null && <FailureNote error={error} />}
      </div>
      <footer className="sticky bottom-0 flex justify-end border-t border-line bg-raised px-5 py-3">
        <Button type="submit" variant="primary" isBusy={isBusy} disabled={scopes.length === 0}>
          Create the key
        </Button>
      </footer>
    </form>
  )
}

function ShownOnce({ created, onDone }: { created: Created; onDone: () => void }) {
  return (
    <>
      <div className="space-y-3 px-5 py-4">
        <CopyField value={created.key} label="API key" />
        <p className="text-ink-2">
          Only its hash is kept here. Put it into the tool’s settings or a secret store, never into a repository or a chat.
        </p>
      </div>
      <footer className="sticky bottom-0 flex justify-end border-t border-line bg-raised px-5 py-3">
        <Button variant="primary" onClick={onDone}>
          I have stored it
        </Button>
      </footer>
    </>
  )
}
