'use client'
import { useQuery } from '@tanstack/react-query'
import { Ban, CircleCheck, CircleX, Clock, Hourglass, Send, TimerOff } from 'lucide-react'
import { type Answers, api } from '../api.ts'
import { Card, CardHeader } from '../components/card.tsx'
import { StateBadge, type Tone } from '../components/state-badge.tsx'
import { FailedState, LoadingRows } from '../components/states.tsx'
import { Ago } from '../components/time.tsx'

type Command = Answers['macs']['listMacCommands']['commands'][number]

const SHOWN = 12
const REFRESH_MS = 10_000

const STATES: Record<Command['state'], { tone: Tone; icon: typeof Clock; word: string }> = {
  queued: { tone: 'idle', icon: Clock, word: 'Queued' },
  sent: { tone: 'warn', icon: Send, word: 'Sent' },
  not_now: { tone: 'warn', icon: Hourglass, word: 'Put off' },
  acknowledged: { tone: 'good', icon: CircleCheck, word: 'Done' },
  failed: { tone: 'bad', icon: CircleX, word: 'Failed' },
  expired: { tone: 'idle', icon: TimerOff, word: 'Expired' },
  cancelled: { tone: 'idle', icon: Ban, word: 'Cancelled' },
}

/** The last commands over MDM, newest first: what was asked of this Mac, and how far it came. */
export function CommandsCard({ mac }: { mac: string }) {
  const commands = useQuery({
    queryKey: ['mac', mac, 'commands'],
    queryFn: () => api.macs.listMacCommands.query({ mac, limit: SHOWN }),
    refetchInterval: REFRESH_MS,
  })
  return (
    <Card>
      <CardHeader title="Commands" note={`the last ${SHOWN} over MDM`} />
      {commands.data !== undefined ? (
        <CommandList commands={commands.data.commands} />
      ) : commands.isError ? (
        <FailedState error={commands.error} retry={() => void commands.refetch()} what="The commands could not be loaded" />
      ) : (
        <LoadingRows rows={3} label="Loading the commands" />
      )}
    </Card>
  )
}

function CommandList({ commands }: { commands: readonly Command[] }) {
  if (commands.length === 0) return <p className="px-4 py-8 text-center text-ink-3">This Mac has not been asked for anything yet.</p>
  return (
    <ol className="divide-y divide-line">
      {commands.map((command) => (
        <li key={command.id} className="px-4 py-2">
          <div className="flex min-h-6 items-center gap-2.5">
            <span className="min-w-0 flex-1 truncate font-mono text-xs">{command.requestType}</span>
            <StateBadge {...STATES[command.state]} />
            <Ago at={command.settledAt ?? command.sentAt ?? command.createdAt} className="w-16 shrink-0 text-right text-xs text-ink-3" />
          </div>
          {command.error !== null && <p className="mt-1 text-xs text-bad">{command.error}</p>}
        </li>
      ))}
    </ol>
  )
}
