'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, type Mac } from '../api.ts'
import { Select } from '../components/field.tsx'
import { FailureNote } from '../components/states.tsx'

const RINGS = { canary: 'Canary: before all others', early: 'Early: after the canaries', all: 'Last: with all the others' } as const

/** When releases of the agent reach this Mac. */
export function RingChoice({ mac, mayChange }: { mac: Pick<Mac, 'id' | 'ring'>; mayChange: boolean }) {
  const queries = useQueryClient()
  const put = useMutation({
    mutationFn: (ring: Mac['ring']) => api.releases.putInRing.mutate({ macs: [mac.id], ring }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['mac', mac.id] }),
  })
  if (!mayChange) return RINGS[mac.ring]
  return (
    <>
      <Select
        aria-label="Ring of releases"
        value={mac.ring}
        disabled={put.isPending}
        onChange={(event) => put.mutate(event.currentTarget.value as Mac['ring'])}
        className="max-w-64"
      >
        {Object.entries(RINGS).map(([ring, words]) => (
          <option key={ring} value={ring}>
            {words}
          </option>
        ))}
      </Select>
      {put.error !== null && <FailureNote error={put.error} />}
    </>
  )
}
