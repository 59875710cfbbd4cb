'use client'
import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { Button } from './button.tsx'
import { cn } from './cn.ts'

const SHOWN_MS = 1500

function useCopy(text: string): { copied: boolean; copy: () => void } {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [copied])
  return { copied, copy: () => void writeText(text).then(setCopied) }
}

/** The clipboard API exists on secure origins only; an appliance reached by its bare address has to take the older way. */
async function writeText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    ;(document.querySelector('[role="dialog"],[role="alertdialog"]') ?? document.body).append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}

/** An id shortened to its ends; a click copies all of it. */
export function Id({ value, what, keep = 6, className }: { value: string; what: string; keep?: number; className?: string }) {
  const { copied, copy } = useCopy(value)
  const prefix = /^[a-z]+_/.exec(value)?.[0] ?? ''
  const rest = value.slice(prefix.length)
  const text = rest.length <= keep * 2 + 1 ? value : `${prefix}${rest.slice(0, keep)}…${rest.slice(-4)}`
  return (
    <button
      type="button"
      onClick={copy}
      title={`${value}\nClick to copy`}
      className={cn(
        'group -mx-1 inline-flex min-h-6 max-w-[calc(100%+0.5rem)] items-center gap-1 rounded-sm px-1 font-mono text-xs text-ink-2 hover:bg-hover hover:text-ink',
        className,
      )}
    >
      <span className="sr-only">Copy {what}</span>
      <span className="truncate">{text}</span>
      {copied ? (
        <Check aria-hidden className="size-3 shrink-0 text-good" />
      ) : (
        <Copy aria-hidden className="size-3 shrink-0 opacity-0 group-hover:opacity-100 group-focus-visible:opacity-100" />
      )}
      <span role="status" className="sr-only">
        {copied ? 'Copied' : ''}
      </span>
    </button>
  )
}

export function CopyButton({ text, label = 'Copy', className }: { text: string; label?: string; className?: string }) {
  const { copied, copy } = useCopy(text)
  return (
    <Button size="sm" onClick={copy} className={className}>
      {copied ? <Check aria-hidden className="size-3.5 text-good" /> : <Copy aria-hidden className="size-3.5" />}
      <span aria-live="polite">{copied ? 'Copied' : label}</span>
    </Button>
  )
}

/** Something to be copied whole: a link, a key, a command. */
export function CopyField({ value, label }: { value: string; label: string }) {
  return (
    <div className="flex items-center gap-2 rounded-md border border-line bg-sunken py-1 pr-1 pl-3">
      <code className="min-w-0 flex-1 font-mono text-xs break-all">
        <span className="sr-only">{label}: </span>
        {value}
      </code>
      <CopyButton text={value} />
    </div>
  )
}
