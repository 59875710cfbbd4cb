'use client'
import { CircleAlert, type LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import { failureOf } from '../api.ts'
import { Button } from './button.tsx'
import { cn } from './cn.ts'

/** Nothing here yet: what this place is for and the next step. */
export function EmptyState({
  icon: Icon,
  title,
  children,
  action,
}: {
  icon: LucideIcon
  title: string
  children: ReactNode
  action?: ReactNode
}) {
  return (
    <div className="flex flex-col items-center px-6 py-12 text-center">
      <span className="mb-3 flex size-9 items-center justify-center rounded-lg border border-line bg-sunken text-ink-3">
        <Icon aria-hidden className="size-4.5" />
      </span>
      <p className="text-base font-semibold">{title}</p>
      <p className="mt-1 max-w-md text-ink-2">{children}</p>
      {action !== undefined && <div className="mt-4 flex gap-2">{action}</div>}
    </div>
  )
}

export function FailedState({ error, retry, what }: { error: unknown; retry?: (() => void) | undefined; what: string }) {
  const failure = failureOf(error)
  return (
    <div role="alert" className="flex flex-col items-center px-6 py-12 text-center">
      <span className="mb-3 flex size-9 items-center justify-center rounded-lg bg-bad-soft text-bad">
        <CircleAlert aria-hidden className="size-4.5" />
      </span>
      <p className="text-base font-semibold">{what}</p>
      <p className="mt-1 max-w-md text-ink-2">{failure.message}</p>
      <p className="mt-1 font-mono text-xs text-ink-3">{failure.code}</p>
      {retry !== undefined && (
        <Button className="mt-4" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  )
}

/** A grey bar where text will be. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={cn('block h-3.5 animate-pulse-soft rounded-sm bg-line', className)} />
}

export function LoadingRows({ rows = 6, label }: { rows?: number; label: string }) {
  return (
    <div role="status" aria-label={label} className="divide-y divide-line">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all alike and never move
        <div key={row} className="flex h-11 items-center gap-6 px-4">
          <Skeleton className="w-40" />
          <Skeleton className="w-20" />
          <Skeleton className="hidden w-28 sm:block" />
          <Skeleton className="ml-auto w-16" />
        </div>
      ))}
    </div>
  )
}

/** A refusal of what was just tried, beside where it was tried. */
export function FailureNote({ error }: { error: unknown }) {
  return (
    <p role="alert" className="flex items-start gap-2 rounded-md bg-bad-soft px-3 py-2 text-bad">
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
      {failureOf(error).message}
    </p>
  )
}
