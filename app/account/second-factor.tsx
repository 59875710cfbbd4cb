'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { ShieldAlert, ShieldCheck, ShieldOff } from 'lucide-react'
import { useState } from 'react'
import { type Answers, api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { Confirm } from '../components/dialog.tsx'
import { StateBadge } from '../components/state-badge.tsx'
import { FailedState, FailureNote, LoadingRows } from '../components/states.tsx'
import { RecoveryCodes } from './recovery-codes.tsx'
import { SetUpSecondFactor } from './set-up-second-factor.tsx'

type State = Answers['session']['getSecondFactor']

export function SecondFactor() {
  const factor = useQuery({ queryKey: ['second-factor'], queryFn: () => api.session.getSecondFactor.query() })
  return (
    <Card>
      <CardHeader title="Second factor" note="a code from an authenticator app, besides the password" />
      {factor.data !== undefined ? (
        <Present state={factor.data} />
      ) : factor.isError ? (
        <FailedState error={factor.error} retry={() => void factor.refetch()} what="The second factor could not be loaded" />
      ) : (
        <LoadingRows rows={1} label="Loading your second factor" />
      )}
    </Card>
  )
}

function Present({ state }: { state: State }) {
  const queries = useQueryClient()
  const [codes, setCodes] = useState<string[] | undefined>()
  const [isRemoving, setIsRemoving] = useState(false)
  const refresh = () => queries.invalidateQueries({ queryKey: ['second-factor'] })
  const begin = useMutation({ mutationFn: () => api.session.beginSecondFactor.mutate() })
  const renew = useMutation({
    mutationFn: () => api.session.renewRecoveryCodes.mutate(),
    onSuccess: async ({ recoveryCodes }) => {
      setCodes(recoveryCodes)
      await refresh()
    },
  })
  async function finish(recoveryCodes: string[]) {
    begin.reset()
    setCodes(recoveryCodes)
    // What a role without a second factor was refused is asked for anew.
    await queries.invalidateQueries()
  }
  const error = begin.error ?? renew.error
  return (
    <div className="space-y-3 px-4 py-3">
      <Words state={state} />
      {error !== null && <FailureNote error={error} />}
      <div className="flex flex-wrap gap-2">
        {!state.isOn && (
          <Button variant={state.isNeeded ? 'primary' : 'secondary'} isBusy={begin.isPending} onClick={() => begin.mutate()}>
            Set it up
          </Button>
        )}
        {state.isOn && (
          <Button isBusy={renew.isPending} onClick={() => renew.mutate()}>
            New recovery codes
          </Button>
        )}
        {state.isOn && !state.isNeeded && <Button onClick={() => setIsRemoving(true)}>Remove</Button>}
      </div>
      {begin.data !== undefined && <SetUpSecondFactor offer={begin.data} onDone={finish} onClose={() => begin.reset()} />}
      {codes !== undefined && <RecoveryCodes codes={codes} onClose={() => setCodes(undefined)} />}
      {isRemoving && <Remove refresh={refresh} onClose={() => setIsRemoving(false)} />}
    </div>
  )
}

function Words({ state: { isOn, isNeeded, recoveryCodesLeft } }: { state: State }) {
  if (isOn)
    return (
      <p className="flex flex-wrap items-center gap-2">
        <StateBadge tone="good" icon={ShieldCheck} word="On" />
        {recoveryCodesLeft} of 10 recovery codes are left.
        {recoveryCodesLeft < 3 && ' Make new ones before they run out.'}
      </p>
    )
  return (
    <p className="flex flex-wrap items-center gap-2">
      {isNeeded ? (
        <StateBadge tone="warn" icon={ShieldAlert} word="Needed" />
      ) : (
        <StateBadge tone="idle" icon={ShieldOff} word="Not set up" />
      )}
      {isNeeded
        ? 'Your role needs one: until it is set up you can do nothing else here.'
        : 'A stolen password is then not enough to be you.'}
    </p>
  )
}

function Remove({ refresh, onClose }: { refresh: () => Promise<void>; onClose: () => void }) {
  const remove = useMutation({
    mutationFn: () => api.session.removeSecondFactor.mutate(),
    onSuccess: async () => {
      await refresh()
      onClose()
    },
  })
  return (
    <Confirm
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title="Remove the second factor?"
      action="Remove it"
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
    >
      <p>Your password alone is then enough to sign in as you. The recovery codes end too. No Mac is affected.</p>
    </Confirm>
  )
}
