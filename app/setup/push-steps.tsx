'use client'
import { CircleCheck } from 'lucide-react'
import type { ReactNode } from 'react'
import { Card, CardHeader } from '../components/card.tsx'
import { cn } from '../components/cn.ts'
import { PushImport } from './push-import.tsx'
import { PushRequest } from './push-request.tsx'
import { PushSign } from './push-sign.tsx'
import type { PushSetup } from './push-status.tsx'
import { PushUpload } from './push-upload.tsx'

type State = 'done' | 'now' | 'later'

/** Four steps; each is done when the appliance has seen it done, not when somebody says so. */
export function PushSteps({ setup, mayManage }: { setup: PushSetup; mayManage: boolean }) {
  const { request } = setup
  const isSigned = request?.signedRequest != null
  const reached = request === null ? 1 : isSigned ? 3 : 2
  const stateOf = (step: number): State => (step < reached ? 'done' : step === reached ? 'now' : 'later')
  return (
    <Card>
      <CardHeader title={setup.installed === null ? 'Get a certificate' : 'Renew the certificate'} note="Four steps, about ten minutes" />
      {!mayManage && (
        <p className="border-b border-line bg-sunken px-4 py-2 text-ink-2">
          Your role may look at this; an owner or IT admin takes the steps.
        </p>
      )}
      <fieldset disabled={!mayManage} className="min-w-0">
        <legend className="sr-only">Steps to a push certificate</legend>
        <ol className="divide-y divide-line">
          <Step number={1} state={stateOf(1)} title="Make the request here">
            <PushRequest request={request} />
          </Step>
          <Step number={2} state={stateOf(2)} title="Have it signed by an MDM vendor">
            {request === null ? <Later>Comes after the request.</Later> : <PushSign request={request} />}
          </Step>
          <Step number={3} state={stateOf(3)} title="Upload it at Apple">
            {request?.signedRequest == null ? (
              <Later>Comes after the vendor’s signature.</Later>
            ) : (
              <PushUpload signedRequest={request.signedRequest} isRenewal={setup.installed !== null} />
            )}
          </Step>
          <Step number={4} state={isSigned ? 'now' : 'later'} title="Import Apple’s certificate">
            <PushImport setup={setup} />
          </Step>
        </ol>
      </fieldset>
    </Card>
  )
}

const Later = ({ children }: { children: ReactNode }) => <p className="text-ink-3">{children}</p>

const WORDS: Record<State, string> = { done: 'done', now: 'next', later: 'later' }

function Step({ number, state, title, children }: { number: number; state: State; title: string; children: ReactNode }) {
  return (
    <li className="flex gap-3 px-4 py-4" aria-current={state === 'now' ? 'step' : undefined}>
      <span
        aria-hidden
        className={cn(
          'flex size-6 shrink-0 items-center justify-center rounded-full text-xs font-semibold',
          state === 'done'
            ? 'bg-good-soft text-good'
            : state === 'now'
              ? 'bg-accent-fill text-white'
              : 'bg-sunken text-ink-3 ring-1 ring-line ring-inset',
        )}
      >
        {state === 'done' ? <CircleCheck className="size-4" /> : number}
      </span>
      <div className="min-w-0 flex-1">
        <h3 className="mb-2 font-semibold">
          {title}
          <span className="sr-only"> ({WORDS[state]})</span>
        </h3>
        {children}
      </div>
    </li>
  )
}
