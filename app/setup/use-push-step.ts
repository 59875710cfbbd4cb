'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { UploadTooLarge } from './push-file.ts'

type Refused = { outcome: 'refused'; code: string; sentence: string; macsLost: number | null }
type Result = { outcome: 'done' } | Refused

/** One step: sent, then either done, which shows in what is read again, or refused in words. */
export function usePushStep<Wish, Done extends Result>(send: (wish: Wish) => Promise<Done>) {
  const queries = useQueryClient()
  const mutation = useMutation({
    mutationFn: send,
    onSuccess: (result) => (result.outcome === 'done' ? queries.invalidateQueries({ queryKey: ['push'] }) : undefined),
  })
  const refused: Refused | undefined = mutation.data?.outcome === 'refused' ? (mutation.data as Refused) : undefined
  // What the browser itself refused never reached the appliance.
  const local = mutation.error instanceof UploadTooLarge ? mutation.error.message : undefined
  return {
    take: mutation.mutate,
    isBusy: mutation.isPending,
    refused,
    local,
    error: local === undefined ? mutation.error : null,
    done: mutation.data?.outcome === 'done' ? (mutation.data as Extract<Done, { outcome: 'done' }>) : undefined,
    reset: mutation.reset,
  }
}

export type PushStep = Pick<ReturnType<typeof usePushStep>, 'refused' | 'local' | 'error'>
