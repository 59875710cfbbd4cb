import { ChevronDown } from 'lucide-react'
import type { ComponentProps, ReactNode } from 'react'
import { cn } from './cn.ts'

const CONTROL =
  'h-8 w-full rounded-md border border-line-strong bg-surface px-2.5 text-sm text-ink placeholder:text-ink-3 focus-visible:outline-offset-0 disabled:opacity-50 aria-invalid:border-bad'

type FieldProps = { label: string; hint?: ReactNode; fault?: string | undefined; children: ReactNode }

/** A labelled control with its hint, and what is wrong with its value; the label names it to a screen reader. */
export function Field({ label, hint, fault, children }: FieldProps) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label className="block">
      <span className="mb-1 block font-medium">{label}</span>
      {children}
      {hint !== undefined && <span className="mt-1 block text-xs text-ink-3">{hint}</span>}
      {fault !== undefined && <span className="mt-1 block text-xs text-bad">{fault}</span>}
    </label>
  )
}

const FILE = 'px-0 file:mr-3 file:h-full file:border-0 file:border-r file:border-line-strong file:bg-sunken file:px-3 file:text-ink'

export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return <input className={cn(CONTROL, rest.type === 'file' && FILE, className)} {...rest} />
}

export function TextArea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea className={cn(CONTROL, 'h-auto min-h-16 resize-none py-1.5', className)} {...rest} />
}

export function Select({ className, children, ...rest }: ComponentProps<'select'>) {
  return (
    <span className={cn('relative block', className)}>
      <select className={cn(CONTROL, 'appearance-none pr-8')} {...rest}>
        {children}
      </select>
      <ChevronDown aria-hidden className="pointer-events-none absolute top-2 right-2.5 size-4 text-ink-3" />
    </span>
  )
}
