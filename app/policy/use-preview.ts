'use client'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, type PolicyDraft, type PolicyPreview } from '../api.ts'

export type Move = { mac: string; pool: string | null }
export type PreviewSubject = { draft: PolicyDraft; moves: Move[] } | { version: number }

const POLL_MS = 700

/** Measures what a policy would change, and follows its progress. */
export function usePreview() {
  const [id, setId] = useState<string>()
  const start = useMutation({
    mutationFn: (subject: PreviewSubject) => api.policies.previewPolicy.mutate(subject),
    onMutate: () => setId(undefined),
    onSuccess: ({ preview }) => setId(preview),
  })
  const preview = useQuery({
    queryKey: ['policy', 'preview', id],
    queryFn: () => api.policies.getPolicyPreview.query({ preview: id ?? '' }),
    enabled: id !== undefined,
    refetchInterval: (query) => (query.state.data === undefined || query.state.data.state === 'running' ? POLL_MS : false),
  })
  const data: PolicyPreview | undefined = id === undefined ? undefined : preview.data
  return {
    start: start.mutate,
    /** What was measured is not what stands in the form any more. */
    forget: () => {
      setId(undefined)
      start.reset()
    },
    data,
    error: start.error ?? preview.error,
    isRunning: start.isPending || (id !== undefined && (data === undefined ? !preview.isError : data.state === 'running')),
  }
}

/** A preview to its end, for steps that follow one another by themselves. */
export async function measured(version: number): Promise<string> {
  const { preview } = await api.policies.previewPolicy.mutate({ version })
  for (;;) {
    const { state } = await api.policies.getPolicyPreview.query({ preview })
    if (state === 'done') return preview
    if (state === 'failed') throw new Error('The impact could not be measured.')
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
