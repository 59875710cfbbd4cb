'use client'
import { useState } from 'react'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { FailureNote } from '../components/states.tsx'
import { download } from '../setup/push-file.ts'

/** What the appliance makes at once; a longer list is asked for in turns. */
const LINKS_AT_ONCE = 200

type Progress = { csv: string; links: number; skipped: number; asked: number }
const NOTHING: Progress = { csv: '', links: 0, skipped: 0, asked: 0 }

/** Enrollment links for many Macs, as a file that is made once. What was made before a failure is kept, and goes on from there. */
export function ManyLinks({ serials }: { serials: readonly string[] }) {
  const [made, setMade] = useState<Progress>(NOTHING)
  const [isBusy, setIsBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const isDone = made.asked >= serials.length

  async function make() {
    setIsBusy(true)
    setError(null)
    let progress = made
    try {
      while (progress.asked < serials.length) {
        const batch = serials.slice(progress.asked, progress.asked + LINKS_AT_ONCE)
        const { csv, links, skipped } = await api.inventory.makeLinks.mutate({ serials: batch, hasHead: progress.asked === 0 })
        progress = {
          csv: progress.csv + csv,
          links: progress.links + links,
          skipped: progress.skipped + skipped.length,
          asked: progress.asked + batch.length,
        }
        setMade(progress)
      }
    } catch (thrown) {
      setError(thrown)
    } finally {
      setIsBusy(false)
    }
  }

  return (
    <Card>
      <CardHeader title="Enrollment links" note="for Macs that Apple Business does not enroll" />
      <div className="space-y-3 px-4 py-4">
        <p className="text-ink-2">
          Each link enrolls one Mac, once, within seven days: whoever has it can enroll that Mac and no other. They are shown this one time;
          made again, the earlier ones no longer work.
        </p>
        {made.asked > 0 && (
          <p role="status">
            {made.links.toLocaleString()} of {serials.length.toLocaleString()} links {isBusy ? 'are made…' : 'were made.'}
            {made.skipped > 0 && ` ${made.skipped.toLocaleString()} left out, because they are enrolled or were revoked.`}
          </p>
        )}
        {error !== null && <FailureNote error={error} />}
        <div className="flex flex-wrap gap-2">
          {!isDone && (
            <Button variant="primary" isBusy={isBusy} onClick={() => void make()}>
              {made.asked === 0 ? `Make ${serials.length === 1 ? 'the link' : `${serials.length.toLocaleString()} links`}` : 'Go on'}
            </Button>
          )}
          {made.links > 0 && !isBusy && (
            <Button variant={isDone ? 'primary' : 'secondary'} onClick={() => download('enrollment-links.csv', made.csv)}>
              Download the links
            </Button>
          )}
        </div>
      </div>
    </Card>
  )
}
