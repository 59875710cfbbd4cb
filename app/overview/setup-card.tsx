'use client'
import { useQuery } from '@tanstack/react-query'
import { ListChecks } from 'lucide-react'
import Link from 'next/link'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { useMay } from '../use-session.ts'

const REFRESH_MS = 60_000
const MAX_NAMED = 3

/** What stands between this appliance and production; gone once nothing does. */
export function SetupCard() {
  const mayRead = useMay('read the set-up')
  const setup = useQuery({
    queryKey: ['setup'],
    queryFn: () => api.setup.getSetup.query(),
    refetchInterval: REFRESH_MS,
    enabled: mayRead,
  })
  if (setup.data === undefined || setup.data.mode === 'evaluation' || setup.data.left === 0) return null
  const open = setup.data.steps.filter(({ state, isOptional }) => state === 'wrong' || (state === 'todo' && !isOptional))
  const named = open.slice(0, MAX_NAMED).map(({ title }) => title)
  const others = open.length - named.length
  return (
    <Card className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <ListChecks aria-hidden className="size-4.5 shrink-0 text-accent" />
      <p className="min-w-0 flex-1">
        <span className="font-medium">
          {open.length === 1 ? '1 step of the set-up is left' : `${open.length} steps of the set-up are left`}
        </span>
        <span className="block text-ink-2">
          {named.join(', ')}
          {others > 0 && `, and ${others} more`}
        </span>
      </p>
      <Button asChild>
        <Link href="/setup">Go on</Link>
      </Button>
    </Card>
  )
}
