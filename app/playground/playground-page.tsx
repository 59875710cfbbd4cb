'use client'
import { useQuery } from '@tanstack/react-query'
import { Boxes, Lock, RotateCcw } from 'lucide-react'
import Link from 'next/link'
import { useState } from 'react'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, LoadingRows } from '../components/states.tsx'
import { useSession } from '../use-session.ts'
import { Composer } from './composer.tsx'
import { faultsOf } from './setting-faults.ts'
import { SettingsPanel } from './settings-panel.tsx'
import { listModels } from './stream-chat.ts'
import { Transcript } from './transcript.tsx'
import { type Settings, useChat } from './use-chat.ts'

const MODELS_REFRESH_MS = 15_000

export function PlaygroundPage() {
  const session = useSession()
  const mayInfer = session?.may.includes('send inference requests') ?? false
  const models = useQuery({ queryKey: ['models'], queryFn: listModels, enabled: mayInfer, refetchInterval: MODELS_REFRESH_MS })
  const chat = useChat()
  const [settings, setSettings] = useState<Settings>({ model: '', system: '', temperature: 0.7, maxTokens: 256 })
  const model = models.data?.includes(settings.model) ? settings.model : (models.data?.[0] ?? '')
  const chosen = { ...settings, model }
  const isReady = Object.keys(faultsOf(chosen)).length === 0

  return (
    <>
      <PageHeader title="Playground" note="Ask a model of your own fleet, over the same API that your tools use.">
        {chat.answers.length > 0 && (
          <Button onClick={chat.clear} disabled={chat.isRunning}>
            <RotateCcw aria-hidden className="size-3.5" />
            New conversation
          </Button>
        )}
      </PageHeader>
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1fr)_20rem]">
        <Card className="flex h-[calc(100dvh-13.5rem)] min-h-96 flex-col">
          {session !== undefined && !mayInfer ? (
            <EmptyState icon={Lock} title="Your role may not send requests">
              Ask an owner or IT admin for a role that may, such as operator.
            </EmptyState>
          ) : models.isError ? (
            <NoModels message={models.error.message} retry={() => void models.refetch()} />
          ) : models.data === undefined ? (
            <LoadingRows rows={4} label="Loading the models" />
          ) : models.data.length === 0 ? (
            <NoModels />
          ) : (
            <>
              <Transcript answers={chat.answers} isReady={isReady} onPick={(prompt) => chat.send(prompt, chosen)} />
              <Composer isReady={isReady} isRunning={chat.isRunning} onSend={(prompt) => chat.send(prompt, chosen)} onStop={chat.stop} />
            </>
          )}
        </Card>
        <SettingsPanel settings={chosen} models={models.data ?? []} onChange={(change) => setSettings({ ...chosen, ...change })} />
      </div>
    </>
  )
}

function NoModels({ message, retry }: { message?: string; retry?: () => void }) {
  const action = (
    <>
      {retry !== undefined && <Button onClick={retry}>Try again</Button>}
      <Button asChild>
        <Link href="/macs">See the Macs</Link>
      </Button>
    </>
  )
  return (
    <EmptyState
      icon={Boxes}
      title={message === undefined ? 'No model is served right now' : 'The models could not be loaded'}
      action={action}
    >
      {message ?? 'A model can be asked as soon as one trusted Mac has loaded it.'}
    </EmptyState>
  )
}
