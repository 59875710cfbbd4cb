'use client'
import { useSyncExternalStore } from 'react'

const TICK_MS = 10_000
/** The browser’s clock and the appliance’s may differ by as much. */
const SKEW_MS = 5_000
let now = Date.now()
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  now = Date.now()
  timer ??= setInterval(() => {
    now = Date.now()
    for (const each of listeners) each()
  }, TICK_MS)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0 || timer === undefined) return
    clearInterval(timer)
    timer = undefined
  }
}

/** One clock for the whole page. */
const useNow = (): number =>
  useSyncExternalStore(
    subscribe,
    () => now,
    () => now,
  )

const local = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

const inFull = (at: Date): string => `${local.format(at)} local time\n${at.toISOString().replace('T', ' ').slice(0, 19)} UTC`

/** How long ago, or how far ahead; local time and UTC on hover. */
export function Ago({ at, className }: { at: string | Date; className?: string }) {
  const date = new Date(at)
  const ms = useNow() - date.getTime()
  return (
    <time dateTime={date.toISOString()} title={inFull(date)} className={className}>
      {ms < -SKEW_MS ? `in ${span(-ms)}` : ms < 10_000 ? 'just now' : `${span(ms)} ago`}
    </time>
  )
}

/** An age without “ago”, for columns of ages. */
export function Age({ at, className }: { at: string | Date; className?: string }) {
  const date = new Date(at)
  return (
    <time dateTime={date.toISOString()} title={inFull(date)} className={className}>
      {span(Math.max(0, useNow() - date.getTime()))}
    </time>
  )
}

export function LocalTime({ at, className }: { at: string | Date; className?: string }) {
  const date = new Date(at)
  return (
    <time dateTime={date.toISOString()} title={inFull(date)} className={className}>
      {day.format(date)}
    </time>
  )
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const

function span(ms: number): string {
  for (const [unit, size] of UNITS) if (ms >= size) return `${Math.floor(ms / size)} ${unit}`
  return `${Math.max(0, Math.floor(ms / 1000))} s`
}
