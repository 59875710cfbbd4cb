import {
  Ban,
  CircleCheck,
  CircleDashed,
  Clock,
  Info,
  type LucideIcon,
  MinusCircle,
  OctagonX,
  ShieldCheck,
  ShieldX,
  Wifi,
  WifiOff,
} from 'lucide-react'
import type { Check, MacRow } from '../api.ts'
import { cn } from './cn.ts'

/** A state is a word, an icon and a colour; never a colour alone. */
export type Tone = 'good' | 'bad' | 'warn' | 'idle'

const TONES: Record<Tone, string> = {
  good: 'bg-good-soft text-good',
  bad: 'bg-bad-soft text-bad',
  warn: 'bg-warn-soft text-warn',
  idle: 'bg-sunken text-ink-2 ring-1 ring-line ring-inset',
}

export function StateBadge({ tone, icon: Icon, word, className }: { tone: Tone; icon: LucideIcon; word: string; className?: string }) {
  return (
    <span
      className={cn('inline-flex h-5.5 items-center gap-1 rounded-full px-2 text-xs font-medium whitespace-nowrap', TONES[tone], className)}
    >
      <Icon aria-hidden className="size-3.5" />
      {word}
    </span>
  )
}

type Appearance = { tone: Tone; icon: LucideIcon; word: string }

export const TRUST: Record<MacRow['trust'], Appearance> = {
  trusted: { tone: 'good', icon: ShieldCheck, word: 'Trusted' },
  refused: { tone: 'bad', icon: ShieldX, word: 'Refused' },
  pending: { tone: 'warn', icon: CircleDashed, word: 'Enrolling' },
  revoked: { tone: 'idle', icon: Ban, word: 'Revoked' },
}

export const TrustBadge = ({ trust }: { trust: MacRow['trust'] }) => <StateBadge {...TRUST[trust]} />

export const OUTCOME: Record<Check['outcome'], Appearance> = {
  pass: { tone: 'good', icon: CircleCheck, word: 'Passed' },
  fail: { tone: 'bad', icon: OctagonX, word: 'Failed' },
  unknown: { tone: 'bad', icon: CircleDashed, word: 'Unknown' },
  waived: { tone: 'warn', icon: MinusCircle, word: 'Waived' },
  info: { tone: 'idle', icon: Info, word: 'Noted' },
}

export const OutcomeBadge = ({ outcome }: { outcome: Check['outcome'] }) => <StateBadge {...OUTCOME[outcome]} />

export const KEY_STATE: Record<'active' | 'expired' | 'revoked', Appearance> = {
  active: { tone: 'good', icon: CircleCheck, word: 'Active' },
  expired: { tone: 'idle', icon: Clock, word: 'Expired' },
  revoked: { tone: 'idle', icon: Ban, word: 'Revoked' },
}

/** Connection is quieter than trust: an icon and a word without a pill. */
export function Connection({ isConnected }: { isConnected: boolean }) {
  const Icon = isConnected ? Wifi : WifiOff
  return (
    <span className={cn('inline-flex items-center gap-1.5', isConnected ? 'text-ink' : 'text-ink-3')}>
      <Icon aria-hidden className={cn('size-3.5', isConnected && 'text-good')} />
      {isConnected ? 'Connected' : 'Offline'}
    </span>
  )
}
