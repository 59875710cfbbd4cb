'use client'
import Link from 'next/link'
import type { Answers } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { useMay } from '../use-session.ts'
import { ManyLinks } from './many-links.tsx'

type Result = Answers['inventory']['importList']

/** What was done, and the next step for these Macs. */
export function Imported({ result, onAnother }: { result: Result; onAnother: () => void }) {
  const { added, known, revoked } = result
  const mayInvite = useMay('invite Macs')
  return (
    <div className="space-y-4">
      <Card>
        <CardHeader title="Imported" />
        <div className="space-y-3 px-4 py-4">
          <p role="status">
            {added.length === 1 ? '1 Mac was' : `${added.length.toLocaleString()} Macs were`} entered into the inventory.
            {known > 0 && ` ${known.toLocaleString()} stood there already.`}
            {revoked > 0 &&
              ` ${revoked.toLocaleString()} ${revoked === 1 ? 'is' : 'are'} revoked and ${revoked === 1 ? 'was' : 'were'} left out.`}
          </p>
          <div className="flex gap-2">
            <Button asChild>
              <Link href="/macs">See the Macs</Link>
            </Button>
            <Button onClick={onAnother}>Import another list</Button>
          </div>
        </div>
      </Card>
      {mayInvite && <ManyLinks serials={added} />}
    </div>
  )
}
