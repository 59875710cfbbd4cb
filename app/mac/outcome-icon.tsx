import type { Check } from '../api.ts'
import { cn } from '../components/cn.ts'
import { OUTCOME, type Tone } from '../components/state-badge.tsx'

const TEXT: Record<Tone, string> = { good: 'text-good', bad: 'text-bad', warn: 'text-warn', idle: 'text-ink-3' }

/** The icon of an outcome; its word is shown beside it, or only read out. */
export function OutcomeIcon({ outcome, showsWord = false }: { outcome: Check['outcome']; showsWord?: boolean }) {
  const { icon: Icon, tone, word } = OUTCOME[outcome]
  return (
    <>
      <Icon aria-hidden className={cn('size-4 shrink-0', TEXT[tone])} />
      {showsWord ? <span>{word}</span> : <span className="sr-only">{word}:</span>}
    </>
  )
}
