'use client'
import { Search } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { type FormEvent, useEffect, useRef } from 'react'

/** From anywhere to a Mac: “/” focuses it, Enter searches. */
export function FindMac() {
  const router = useRouter()
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLElement && event.target.closest('input, textarea, select, [contenteditable]') !== null
      if (event.key !== '/' || isTyping || event.metaKey || event.ctrlKey || event.altKey) return
      event.preventDefault()
      input.current?.focus()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const search = input.current?.value.trim() ?? ''
    router.push(search === '' ? '/macs' : `/macs?search=${encodeURIComponent(search)}`)
  }

  return (
    <search className="w-full max-w-80">
      <form onSubmit={submit} className="relative">
        <Search aria-hidden className="pointer-events-none absolute top-2 left-2.5 size-4 text-ink-3" />
        <input
          ref={input}
          type="search"
          aria-label="Find a Mac"
          placeholder="Find a Mac"
          maxLength={100}
          className="h-8 w-full rounded-md border border-line bg-surface pr-9 pl-8 text-sm placeholder:text-ink-3 focus-visible:outline-offset-0"
        />
        <kbd
          aria-hidden
          className="pointer-events-none absolute top-1.5 right-2 rounded-sm border border-line bg-sunken px-1.5 font-mono text-xs text-ink-3"
        >
          /
        </kbd>
      </form>
    </search>
  )
}
