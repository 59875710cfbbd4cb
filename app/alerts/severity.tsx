import { CircleAlert, Info, TriangleAlert } from 'lucide-react'
import { StateBadge } from '../components/state-badge.tsx'
import type { Severity } from './use-alerts.ts'

const SEVERITY = {
  critical: { tone: 'bad', icon: CircleAlert, word: 'Critical' },
  warning: { tone: 'warn', icon: TriangleAlert, word: 'Warning' },
  info: { tone: 'idle', icon: Info, word: 'Note' },
} as const

export const SeverityBadge = ({ severity }: { severity: Severity }) => <StateBadge {...SEVERITY[severity]} />
