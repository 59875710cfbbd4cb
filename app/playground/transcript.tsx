'use client'
import { CircleAlert, LoaderCircle } from 'lucide-react'
import Link from 'next/link'
import { type ReactNode, useEffect, useRef } from 'react'
import { Id } from '../components/copyable.tsx'
import type { Answer } from './use-chat.ts'

const STARTERS = ['What is a good name for a cat?', 'Tell me a short story about an apple tree.', 'List three uses of a pencil.']

type StartersProps = { isReady: boolean; onPick: (prompt: string) => void }

export function Transcript({ answers, ...starters }: StartersProps & { answers: readonly Answer[] }) {
  const end = useRef<HTMLDivElement>(null)
  const length = answers.at(-1)?.text.length ?? 0
  // biome-ignore lint/correctness/useExhaustiveDependencies: it follows the text as it grows
  useEffect(() => {
    end.current?.scrollIntoView({ block: 'nearest' })
  }, [answers.length, length])
  if (answers.length === 0) return <Starters {...starters} />
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must reach it
    <div tabIndex={0} role="log" aria-label="Conversation" className="flex-1 space-y-6 overflow-y-auto p-5 focus-visible:-outline-offset-2">
      {answers.map((answer) => (
        <Exchange key={answer.id} answer={answer} />
      ))}
      <div ref={end} />
    </div>
  )
}

function Starters({ isReady, onPick }: StartersProps) {
  return (
    <div className="flex flex-1 flex-col items-center justify-center p-6 text-center">
      <p className="text-lg font-semibold">Ask your own Macs</p>
      <p className="mt-1 max-w-sm text-ink-2">Each answer says which Mac gave it and under which evidence.</p>
      <ul className="mt-5 w-full max-w-sm space-y-2">
        {STARTERS.map((prompt) => (
          <li key={prompt}>
            <button
              type="button"
              disabled={!isReady}
              onClick={() => onPick(prompt)}
              className="w-full rounded-md border border-line px-3 py-2 text-left text-ink-2 hover:border-line-strong hover:bg-hover hover:text-ink disabled:opacity-50"
            >
              {prompt}
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}

function Exchange({ answer }: { answer: Answer }) {
  return (
    <article className="space-y-3">
      <p className="ml-auto w-fit max-w-[85%] rounded-lg bg-accent-soft px-3.5 py-2 text-base whitespace-pre-wrap">{answer.prompt}</p>
      <div className="max-w-[75ch]">
        {answer.state === 'waiting' && (
          <p className="flex items-center gap-2 text-ink-3">
            <LoaderCircle aria-hidden className="size-3.5 animate-spin" />
            Choosing a Mac and sealing the request
          </p>
        )}
        <p className="text-base whitespace-pre-wrap">{answer.text}</p>
        {answer.error !== undefined && (
          <p role="alert" className="flex items-start gap-2 rounded-md bg-bad-soft px-3 py-2 text-bad">
            <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
            {answer.error}
          </p>
        )}
        {answer.provenance !== undefined && <Provenance answer={answer} />}
      </div>
    </article>
  )
}

const ENDINGS: Record<string, string> = { stop: 'finished', length: 'cut at the token limit' }

/** Where the answer came from and how fast it was. */
function Provenance({ answer }: { answer: Answer }) {
  const { provenance, firstTokenMs, tokensPerSecond, finishReason } = answer
  return (
    <dl className="mt-3 flex flex-wrap gap-x-5 gap-y-1.5 border-t border-line pt-2 text-xs">
      {provenance?.mac && (
        <Item term="Mac">
          <Link href={`/macs/${provenance.mac}`} className="font-mono text-accent hover:underline">
            {shorten(provenance.mac)}
          </Link>
        </Item>
      )}
      {provenance?.mode && <Item term="Mode">{provenance.mode}</Item>}
      {provenance?.attestation && (
        <Item term="Evidence">
          <Id value={provenance.attestation} what="evidence digest" />
        </Item>
      )}
      {provenance?.request && (
        <Item term="Request">
          <Id value={provenance.request} what="request id" />
        </Item>
      )}
      {firstTokenMs !== undefined && <Item term="First token">{Math.round(firstTokenMs)} ms</Item>}
      {tokensPerSecond !== undefined && <Item term="Speed">{tokensPerSecond.toFixed(1)} tok/s</Item>}
      {answer.state === 'stopped' && <Item term="Ended">stopped by you</Item>}
      {answer.state === 'done' && finishReason !== undefined && <Item term="Ended">{ENDINGS[finishReason] ?? finishReason}</Item>}
    </dl>
  )
}

function Item({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div className="flex items-center gap-1.5">
      <dt className="text-ink-3">{term}</dt>
      <dd className="text-ink-2">{children}</dd>
    </div>
  )
}

const shorten = (id: string): string => (id.length > 16 ? `${id.slice(0, 10)}…${id.slice(-4)}` : id)
