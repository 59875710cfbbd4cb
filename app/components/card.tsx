import type { ComponentProps, ReactNode } from 'react'
import { cn } from './cn.ts'

export function Card({ className, ...rest }: ComponentProps<'section'>) {
  return <section className={cn('rounded-lg border border-line bg-surface shadow-card', className)} {...rest} />
}

export function CardHeader({ title, children, note }: { title: string; note?: ReactNode; children?: ReactNode }) {
  return (
    <header className="flex min-h-11 items-center justify-between gap-3 border-b border-line px-4 py-1.5">
      <h2 className="text-sm font-semibold">
        {title}
        {note !== undefined && <span className="ml-2 font-normal text-ink-3">{note}</span>}
      </h2>
      {children}
    </header>
  )
}

/** Facts as pairs of a term and its value. */
export function Facts({ children, className }: { children: ReactNode; className?: string }) {
  return <dl className={cn('grid grid-cols-[minmax(7rem,auto)_1fr] gap-x-4 gap-y-2 px-4 py-3', className)}>{children}</dl>
}

export function Fact({ term, children }: { term: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-ink-3">{term}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  )
}
