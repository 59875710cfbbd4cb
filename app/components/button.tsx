import { LoaderCircle } from 'lucide-react'
import { Slot } from 'radix-ui'
import type { ComponentProps } from 'react'
import { cn } from './cn.ts'

const VARIANTS = {
  primary: 'bg-accent-fill text-white hover:bg-accent-fill-hover',
  secondary: 'border border-line-strong bg-surface text-ink hover:bg-hover',
  quiet: 'text-ink-2 hover:bg-hover hover:text-ink',
  danger: 'bg-bad-fill text-white hover:brightness-110',
} as const

type ButtonProps = ComponentProps<'button'> & {
  variant?: keyof typeof VARIANTS
  size?: 'sm' | 'md'
  /** Shows that it works, and takes no second click. */
  isBusy?: boolean
  /** Renders the child (a link) in the button's clothes. */
  asChild?: boolean
}

export function Button({ variant = 'secondary', size = 'md', isBusy = false, asChild = false, className, children, ...rest }: ButtonProps) {
  const classes = cn(
    'inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition-colors',
    'disabled:opacity-50 aria-disabled:opacity-50',
    size === 'sm' ? 'h-7 px-2 text-xs' : 'h-8 px-3 text-sm',
    VARIANTS[variant],
    className,
  )
  if (asChild)
    return (
      <Slot.Root className={classes} {...rest}>
        {children}
      </Slot.Root>
    )
  return (
    <button type="button" className={classes} {...rest} disabled={isBusy || rest.disabled}>
      {isBusy && <LoaderCircle aria-hidden className="size-3.5 animate-spin" />}
      {children}
    </button>
  )
}

/** A square button with an icon alone; its label is read out and shown as a tooltip. */
export function IconButton({ label, className, ...rest }: ComponentProps<'button'> & { label: string }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={cn(
        'inline-flex size-7 shrink-0 items-center justify-center rounded-md text-ink-3 transition-colors hover:bg-hover hover:text-ink',
        className,
      )}
      {...rest}
    />
  )
}
