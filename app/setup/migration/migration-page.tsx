'use client'
import { useQuery } from '@tanstack/react-query'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { api } from '../../api.ts'
import { Button } from '../../components/button.tsx'
import { Card, CardHeader } from '../../components/card.tsx'
import { useMay } from '../../use-session.ts'
import { SetupFrame, useMayReadSetup } from '../setup-frame.tsx'
import { StepSentence } from '../step-state.tsx'
import { ExternalProfile } from './external-profile.tsx'
import { MovingMacs } from './moving-macs.tsx'

const REFRESH_MS = 30_000

/** Three ways for Macs that another MDM server manages now: Apple's migration, by hand, or staying where they are. */
export function MigrationPage() {
  const mayInvite = useMay('invite Macs')
  const migration = useQuery({
    queryKey: ['setup-migration'],
    queryFn: () => api.setup.getMigration.query(),
    refetchInterval: REFRESH_MS,
    enabled: useMayReadSetup(),
  })
  return (
    <SetupFrame
      title="Moving from another MDM"
      note="A Mac has one MDM server. Three ways for those that have another one now."
      what="The migration"
      query={migration}
    >
      {(data) => (
        <div className="space-y-4">
          <Card>
            <CardHeader title="How it stands" />
            <StepSentence step={data.step} />
          </Card>
          <Way title="1. Let Apple Business move them" note="macOS 26 and later; nothing is erased">
            <ol className="list-decimal space-y-1.5 pl-5">
              <li>
                {data.links > 0 ? (
                  'This appliance is linked to Apple Business.'
                ) : (
                  <>
                    <Link href="/setup/apple-business" className="text-accent underline">
                      Link this appliance to Apple Business
                    </Link>{' '}
                    first: it is not linked, or its link does not work.
                  </>
                )}
              </li>
              <li>In Apple Business, assign the Macs to this service and set a deadline for the migration.</li>
              <li>
                Nothing more is to be done here. The appliance reads the Macs with their deadline, and gives them its enrollment profile.
              </li>
              <li>
                The Mac tells its user, who may start at once or later. It asks again every day, more often towards the end, and at the
                deadline the migration starts by itself: the Mac leaves its old server and enrolls here.
              </li>
            </ol>
            <p className="text-ink-2">
              A Mac whose old server managed one of its users waits until that user is signed in. Profiles of the old server go with it;
              what the Mac needs from them has to come from this side.
            </p>
            <MovingMacs macs={data.moving} total={data.movingTotal} />
          </Way>
          <Way title="2. By hand" note="any macOS that can be trusted">
            <ol className="list-decimal space-y-1.5 pl-5">
              <li>Release the Mac in the old MDM server, or remove its profile in System Settings → General → Device Management.</li>
              <li>Make an enrollment link, and open it on that Mac. It asks for an administrator’s password.</li>
            </ol>
            <p className="text-ink-2">
              A profile that Apple Business made mandatory cannot be removed by hand. A Mac that enrolls by link can be unenrolled by its
              administrator again; policy may demand otherwise.
            </p>
            {mayInvite && (
              <div className="flex flex-wrap gap-2">
                <Button asChild>
                  <Link href="/macs/invite">Make one link</Link>
                </Button>
                <Button asChild>
                  <Link href="/macs/import">Import a list and make many</Link>
                </Button>
              </div>
            )}
          </Way>
          <Way title="3. Leave them where they are" note="attested here, managed there">
            <p className="max-w-2xl">
              The old server installs a profile that this appliance makes. The Mac then proves to Apple, and Apple to this appliance, which
              Mac it is and how it was started. This appliance sends it no commands: it cannot refresh, lock or release it.
            </p>
            <p className="max-w-2xl text-ink-2">
              No request goes to such a Mac before its agent’s key is attested by Apple as well (key binding “apple”), because there is no
              channel of ours that only this Mac hears. That binding is experimental until it was tried on real hardware.
              {data.external > 0 && ` Such a profile was made for ${data.external === 1 ? '1 Mac' : `${data.external} Macs`}.`}
            </p>
            {mayInvite && <ExternalProfile />}
          </Way>
        </div>
      )}
    </SetupFrame>
  )
}

function Way({ title, note, children }: { title: string; note: string; children: ReactNode }) {
  return (
    <Card>
      <CardHeader title={title} note={note} />
      <div className="space-y-3 px-4 py-4">{children}</div>
    </Card>
  )
}
