'use client'
import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api, type OfferedLink, type Person, type Role } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Confirm, Dialog } from '../components/dialog.tsx'
import { Field, Select } from '../components/field.tsx'
import { FailureNote } from '../components/states.tsx'
import { roleName } from '../role-name.ts'
import { LinkShownOnce } from './link-shown-once.tsx'
import { ROLE_TEXT } from './role-text.ts'

export type Deed = 'role' | 'reset' | 'disable' | 'enable'
type ChangePersonProps = { deed: Deed; person: Person; givableRoles: readonly Role[]; onClose: () => void }

export function ChangePerson({ deed, ...rest }: ChangePersonProps) {
  const queries = useQueryClient()
  const refresh = async () => {
    await queries.invalidateQueries({ queryKey: ['people'] })
    await queries.invalidateQueries({ queryKey: ['invitations'] })
  }
  if (deed === 'role') return <ChangeRole {...rest} refresh={refresh} />
  if (deed === 'reset') return <OfferReset {...rest} refresh={refresh} />
  return <Switch {...rest} isDisabling={deed === 'disable'} refresh={refresh} />
}

type DeedProps = Omit<ChangePersonProps, 'deed'> & { refresh: () => Promise<void> }

function ChangeRole({ person, givableRoles, onClose, refresh }: DeedProps) {
  const [role, setRole] = useState<Role>(person.role)
  const change = useMutation({
    mutationFn: () => api.people.changeRole.mutate({ person: person.id, role }),
    onSuccess: async () => {
      await refresh()
      onClose()
    },
  })
  return (
    <FormDialog
      title={`Change the role of ${person.name}`}
      description="It takes effect at their next request, and at the next use of their API keys."
      action="Change the role"
      isReady={role !== person.role}
      mutation={change}
      onClose={onClose}
    >
      <Field label="Role" hint={ROLE_TEXT[role]}>
        <Select value={role} onChange={(event) => setRole(event.target.value as Role)}>
          {givableRoles.map((each) => (
            <option key={each} value={each}>
              {roleName(each)}
            </option>
          ))}
        </Select>
      </Field>
    </FormDialog>
  )
}

function OfferReset({ person, onClose, refresh }: DeedProps) {
  const [removesSecondFactor, setRemoves] = useState(false)
  const offer = useMutation({
    mutationFn: () => api.people.offerReset.mutate({ person: person.id, removesSecondFactor }),
    onSuccess: refresh,
  })
  if (offer.data !== undefined) return <LinkShownOnce offer={offer.data} to={person.email} onClose={onClose} />
  return (
    <FormDialog<OfferedLink>
      title={`Offer ${person.name} a new password`}
      description="You get a link that works once, for 72 hours. The present password stays good until it is used; then every session ends."
      action="Make the link"
      isReady
      mutation={offer}
      onClose={onClose}
    >
      {person.hasSecondFactor && (
        <label className="flex cursor-pointer items-start gap-2.5">
          <input
            type="checkbox"
            checked={removesSecondFactor}
            onChange={(event) => setRemoves(event.target.checked)}
            className="mt-0.5 size-4 accent-accent-fill"
          />
          <span>
            Remove the second factor too
            <span className="block text-ink-2">Only where the phone and the recovery codes are lost. Be sure whom you give the link.</span>
          </span>
        </label>
      )}
    </FormDialog>
  )
}

type FormDialogProps<Result> = {
  title: string
  description: string
  action: string
  isReady: boolean
  mutation: UseMutationResult<Result, Error, void>
  onClose: () => void
  children: React.ReactNode
}

function FormDialog<Result>({ title, description, action, isReady, mutation, onClose, children }: FormDialogProps<Result>) {
  function submit(event: FormEvent) {
    event.preventDefault()
    mutation.mutate()
  }
  return (
    <Dialog isOpen onOpenChange={(isOpen) => !isOpen && onClose()} title={title} description={description}>
      <form onSubmit={submit}>
        <div className="space-y-4 px-5 py-4">
          {children}
          {mutation.error !== null && <FailureNote error={mutation.error} />}
        </div>
        <footer className="sticky bottom-0 flex justify-end gap-2 border-t border-line bg-raised px-5 py-3">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" isBusy={mutation.isPending} disabled={!isReady}>
            {action}
          </Button>
        </footer>
      </form>
    </Dialog>
  )
}

function Switch({ person, isDisabling, onClose, refresh }: DeedProps & { isDisabling: boolean }) {
  const change = useMutation<unknown>({
    mutationFn: () =>
      isDisabling ? api.people.disablePerson.mutate({ person: person.id }) : api.people.enablePerson.mutate({ person: person.id }),
    onSuccess: async () => {
      await refresh()
      onClose()
    },
  })
  return (
    <Confirm
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title={`${isDisabling ? 'Disable' : 'Enable'} ${person.name}?`}
      action={isDisabling ? 'Disable the account' : 'Enable the account'}
      isBusy={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate()}
    >
      {isDisabling ? (
        <>
          <p>
            {count(person.sessions, 'session ends', 'sessions end')}, {count(person.apiKeys, 'API key stops', 'API keys stop')}, both at
            once. {person.isYou && 'This is your own account: you are signed out. '}
          </p>
          <p>Nothing that they did is removed. The account can be enabled again, and its API keys then work again too.</p>
        </>
      ) : (
        <p>
          The password is good again, and {count(person.apiKeys, 'API key works', 'API keys work')} again. Sessions that were ended stay
          ended.
        </p>
      )}
      <p>No Mac is affected.</p>
    </Confirm>
  )
}

const count = (number: number, one: string, many: string): string => `${number === 0 ? 'no' : number} ${number === 1 ? one : many}`
