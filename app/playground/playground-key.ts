'use client'
import { api } from '../api.ts'

/** Asked for a little before it would expire, so that no answer begins with a dying key. */
const RENEW_BEFORE_MS = 60_000

let current: { key: string; expiresAt: number } | undefined

/** The short-lived key with which this page speaks to `/v1`; kept in memory only. */
export async function playgroundKey(): Promise<string> {
  if (current === undefined || current.expiresAt - Date.now() < RENEW_BEFORE_MS) {
    const { key, expiresAt } = await api.playground.createPlaygroundKey.mutate()
    current = { key, expiresAt: new Date(expiresAt).getTime() }
  }
  return current.key
}

export function forgetPlaygroundKey(): void {
  current = undefined
}
