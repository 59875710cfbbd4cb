import { Unplug } from 'lucide-react'
import type { Mac } from '../api.ts'
import { Card, CardHeader, Fact, Facts } from '../components/card.tsx'
import { Id } from '../components/copyable.tsx'
import { Ago } from '../components/time.tsx'
import { useSession } from '../use-session.ts'
import { RingChoice } from './ring-choice.tsx'

type Session = NonNullable<Mac['session']>

/** The agent's live session and the models on it. */
export function AgentCard({ mac }: { mac: Mac }) {
  const { session, agentKey } = mac
  const mayManageReleases = useSession()?.may.includes('manage agent releases') ?? false
  return (
    <Card>
      <CardHeader title="Agent" note={session === null ? undefined : `version ${session.agentVersion}`} />
      {session === null ? (
        <p className="flex items-center gap-2 px-4 pt-3 text-ink-2">
          <Unplug aria-hidden className="size-4 text-ink-3" />
          Not connected
          {mac.lastSeenAt !== null && (
            <>
              ; last seen <Ago at={mac.lastSeenAt} />
            </>
          )}
        </p>
      ) : (
        <Models models={session.models} />
      )}
      <Facts>
        {session !== null && <SessionFacts session={session} />}
        <Fact term="Releases">
          <RingChoice mac={mac} mayChange={mayManageReleases} />
        </Fact>
        <Fact term="Signing key">
          {agentKey === null ? (
            'not proved yet'
          ) : (
            <>
              <Id value={agentKey.sha256} what="fingerprint of the signing key" />
              <span className="block text-xs text-ink-3">
                proved <Ago at={agentKey.provedAt} />
              </span>
            </>
          )}
        </Fact>
      </Facts>
    </Card>
  )
}

function SessionFacts({ session }: { session: Session }) {
  return (
    <>
      <Fact term="Connected">
        <Ago at={session.openedAt} />
      </Fact>
      <Fact term="State">{stateOf(session)}</Fact>
      <Fact term="Slots">
        {session.active} of {session.slots} in use
      </Fact>
      {session.thermal !== null && <Fact term="Temperature">{session.thermal}</Fact>}
      <Fact term="Session">
        <Id value={session.id} what="session id" />
      </Fact>
    </>
  )
}

function stateOf(session: Session): string {
  if (session.isDraining) return 'Draining: finishes its work, takes none'
  if (!session.isLive) return 'Waiting for its first challenge answer'
  return session.isAvailable ? 'Available' : 'In use by its owner'
}

function Models({ models }: { models: Session['models'] }) {
  if (models.length === 0) return <p className="px-4 pt-3 text-ink-2">No model loaded yet.</p>
  return (
    <ul className="divide-y divide-line border-b border-line">
      {models.map((model) => (
        <li key={model.name} className="px-4 py-2">
          <div className="flex items-baseline justify-between gap-3">
            <span className="truncate font-mono text-xs">{model.name}</span>
            <span className={`shrink-0 text-xs ${model.state === 'failed' ? 'text-bad' : 'text-ink-3'}`}>
              {model.state === 'loading' ? `loading, ${Math.round((model.progress ?? 0) * 100)} %` : model.state}
            </span>
          </div>
          {model.state === 'loading' && (
            <div aria-hidden className="mt-1.5 h-1 overflow-hidden rounded-full bg-line">
              <div className="h-full bg-accent-fill" style={{ width: `${(model.progress ?? 0) * 100}%` }} />
            </div>
          )}
          {model.error !== undefined && <p className="mt-1 text-xs text-bad">{model.error}</p>}
        </li>
      ))}
    </ul>
  )
}
