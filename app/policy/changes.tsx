import { ArrowDown, ArrowUp, type LucideIcon, Minus } from 'lucide-react'
import type { PolicyChange } from '../api.ts'
import { StateBadge, type Tone } from '../components/state-badge.tsx'

const EFFECT: Record<PolicyChange['effect'], { tone: Tone; icon: LucideIcon; word: string }> = {
  lowers: { tone: 'bad', icon: ArrowDown, word: 'Lowers trust' },
  raises: { tone: 'good', icon: ArrowUp, word: 'Raises trust' },
  neutral: { tone: 'idle', icon: Minus, word: 'Neither' },
}

/** What differs, sentence by sentence, each with what it does to trust. */
export function Changes({ changes }: { changes: readonly PolicyChange[] }) {
  if (changes.length === 0) return <p className="px-4 py-6 text-center text-ink-3">Nothing differs.</p>
  return (
    <ul className="divide-y divide-line">
      {changes.map(({ sentence, effect }) => (
        <li key={sentence} className="flex items-start gap-3 px-4 py-2.5">
          <span className="w-30 shrink-0">
            <StateBadge {...EFFECT[effect]} />
          </span>
          <span className="min-w-0 break-words">{sentence}</span>
        </li>
      ))}
    </ul>
  )
}
