'use client'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Lock } from 'lucide-react'
import Link from 'next/link'
import type { FormEvent } from 'react'
import { type Answers, api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { CopyField } from '../components/copyable.tsx'
import { Field, Input } from '../components/field.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, FailureNote } from '../components/states.tsx'
import { Ago } from '../components/time.tsx'
import { useSession } from '../use-session.ts'

type Invitation = Answers['macs']['inviteMac']

/** One serial number in, one enrollment link out. */
export function InvitePage({ serial }: { serial: string }) {
  const session = useSession()
  const invite = useMutation({ mutationFn: (wanted: string) => api.macs.inviteMac.mutate({ serial: wanted }) })
  const isDenied = session !== undefined && !session.may.includes('invite Macs')
  return (
    <div className="mx-auto max-w-2xl">
      <PageHeader
        title="Invite a Mac"
        parent={{ href: '/macs', title: 'Macs' }}
        note="A link that lets one Mac, named by its serial number, enroll once."
      >
        {session?.may.includes('import the inventory') && (
          <Button asChild>
            <Link href="/macs/import">Many at once</Link>
          </Button>
        )}
      </PageHeader>
      <Card>
        {isDenied ? (
          <EmptyState icon={Lock} title="Your role may not invite Macs">
            Ask an IT admin or an owner for a link.
          </EmptyState>
        ) : invite.data === undefined ? (
          <SerialForm serial={serial} isBusy={invite.isPending} error={invite.error} onSubmit={invite.mutate} />
        ) : (
          <Invited invitation={invite.data} onAnother={() => invite.reset()} />
        )}
      </Card>
      {session?.mode === 'evaluation' && !isDenied && <SoftwareMacs publicUrl={session.publicUrl} />}
    </div>
  )
}

function SoftwareMacs({ publicUrl }: { publicUrl: string }) {
  return (
    <Card className="mt-4">
      <CardHeader title="In evaluation mode" note="add a software Mac" />
      <div className="space-y-3 p-5">
        <p className="text-ink-2">
          A real Mac cannot serve on this appliance yet: evaluation mode trusts only software Macs, which run on any computer. To add one,
          run this in the appliance’s checkout, with an{' '}
          <Link href="/keys" className="text-accent underline">
            API key
          </Link>{' '}
          of the scope <code className="font-mono text-xs">fleet:enroll</code>:
        </p>
        <CopyField value={`npx espalier fleet simulate --url ${publicUrl} --token $ESPALIER_KEY`} label="Command" />
      </div>
    </Card>
  )
}

type SerialFormProps = { serial: string; isBusy: boolean; error: unknown; onSubmit: (serial: string) => void }

function SerialForm({ serial, isBusy, error, onSubmit }: SerialFormProps) {
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    onSubmit(String(new FormData(event.currentTarget).get('serial')))
  }
  return (
    <form onSubmit={submit} className="space-y-4 p-5">
      <Field label="Serial number" hint="On the Mac: Apple menu → About This Mac. Or on the machine’s underside and its box.">
        <Input
          name="serial"
          required
          autoFocus
          autoComplete="off"
          spellCheck={false}
          maxLength={32}
          defaultValue={serial}
          placeholder="C02ABCDEFGH1"
          className="max-w-72 font-mono uppercase placeholder:normal-case"
        />
      </Field>
      {error !== null && <FailureNote error={error} />}
      <Button type="submit" variant="primary" isBusy={isBusy}>
        Make the link
      </Button>
    </form>
  )
}

function Invited({ invitation, onAnother }: { invitation: Invitation; onAnother: () => void }) {
  const mac = useQuery({ queryKey: ['mac', invitation.mac], queryFn: () => api.macs.getMac.query({ mac: invitation.mac }) })
  const hasEnrolled = mac.data?.trust === 'trusted' || mac.data?.trust === 'refused'
  return (
    <>
      <CardHeader title={`Enrollment link for ${invitation.serial}`} note="works once" />
      <div className="space-y-5 p-5">
        <div>
          <CopyField value={invitation.url} label="Enrollment link" />
          <p className="mt-1.5 text-xs text-ink-3">
            Expires <Ago at={invitation.expiresAt} />. It is not shown again; make another if it is lost.
          </p>
          {hasEnrolled && (
            <p className="mt-3 rounded-md bg-warn-soft px-3 py-2 text-warn">
              This Mac has enrolled already. Use the link only to enroll it anew, which replaces its present enrollment.
            </p>
          )}
        </div>
        <ol className="space-y-3">
          <Step number={1} title="Open the link on that Mac, in Safari">
            It downloads an enrollment profile made for this serial number alone.
          </Step>
          <Step number={2} title="Approve the profile">
            System Settings → General → Device Management, then double-click the profile and choose Enroll. An administrator’s password is
            asked for.
          </Step>
          <Step number={3} title="Leave the Mac awake and online for a few minutes">
            Apple attests its identity, its agent proves its key, and Apple attests the Mac again with that key. Its page shows each step as
            it happens.
          </Step>
        </ol>
        <div className="flex gap-2">
          <Button asChild variant="primary">
            <Link href={`/macs/${invitation.mac}`}>Follow its enrollment</Link>
          </Button>
          <Button onClick={onAnother}>Invite another</Button>
        </div>
      </div>
    </>
  )
}

function Step({ number, title, children }: { number: number; title: string; children: string | string[] }) {
  return (
    <li className="flex gap-3">
      <span
        aria-hidden
        className="flex size-6 shrink-0 items-center justify-center rounded-full bg-accent-soft text-xs font-semibold text-accent"
      >
        {number}
      </span>
      <div>
        <p className="font-medium">{title}</p>
        <p className="text-ink-2">{children}</p>
      </div>
    </li>
  )
}
