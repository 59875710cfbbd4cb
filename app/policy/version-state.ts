import { Ban, CircleCheck, Clock, History, type LucideIcon, Undo2 } from 'lucide-react'
import type { PolicyVersion } from '../api.ts'
import type { Tone } from '../components/state-badge.tsx'

export const VERSION_STATE: Record<PolicyVersion['state'], { tone: Tone; icon: LucideIcon; word: string }> = {
  proposed: { tone: 'warn', icon: Clock, word: 'Proposed' },
  in_force: { tone: 'good', icon: CircleCheck, word: 'In force' },
  superseded: { tone: 'idle', icon: History, word: 'Superseded' },
  rejected: { tone: 'idle', icon: Ban, word: 'Rejected' },
  withdrawn: { tone: 'idle', icon: Undo2, word: 'Withdrawn' },
  expired: { tone: 'idle', icon: Clock, word: 'Lapsed' },
}
