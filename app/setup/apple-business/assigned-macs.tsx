'use client'
import { useInfiniteQuery } from '@tanstack/react-query'
import { api } from '../../api.ts'
import { Button } from '../../components/button.tsx'
import { ScrollRegion } from '../../components/scroll-region.tsx'
import { FailedState, LoadingRows } from '../../components/states.tsx'
import { Ago } from '../../components/time.tsx'

const PROFILE = {
  empty: 'No profile yet',
  assigned: 'Profile assigned',
  pushed: 'Enrolling or enrolled',
  removed: 'Profile removed',
} as const

/** What Apple says of each Mac of a link. */
export function AssignedMacs({ link }: { link: string }) {
  const macs = useInfiniteQuery({
    queryKey: ['apple-business-devices', link],
    queryFn: ({ pageParam }) => api.appleBusiness.listDevices.query({ link, ...(pageParam === null ? {} : { after: pageParam }) }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  })
  if (macs.data === undefined) {
    if (macs.isError) return <FailedState error={macs.error} retry={() => void macs.refetch()} what="The Macs could not be loaded" />
    return <LoadingRows rows={3} label="Loading the Macs" />
  }
  return (
    <>
      <ScrollRegion label="Macs that Apple Business assigned" className="overflow-x-auto">
        <table className="w-full text-left">
          <thead className="border-y border-line bg-sunken text-xs text-ink-3">
            <tr>
              <th className="px-4 py-2 font-medium">Serial number</th>
              <th className="px-4 py-2 font-medium">Model</th>
              <th className="px-4 py-2 font-medium">State</th>
              <th className="px-4 py-2 font-medium">Seen at Apple</th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {macs.data.pages.flatMap(({ devices }) =>
              devices.map((mac) => (
                <tr key={mac.serial}>
                  <td className="px-4 py-2 font-mono text-xs">{mac.serial}</td>
                  <td className="px-4 py-2">{mac.model ?? mac.description ?? '–'}</td>
                  <td className="px-4 py-2">{describeState(mac.profileStatus, mac.assignOutcome)}</td>
                  <td className="px-4 py-2">
                    <Ago at={mac.seenAt} />
                  </td>
                </tr>
              )),
            )}
          </tbody>
        </table>
      </ScrollRegion>
      {macs.hasNextPage && (
        <div className="border-t border-line px-4 py-2">
          <Button isBusy={macs.isFetchingNextPage} onClick={() => void macs.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </>
  )
}

function describeState(status: string | null, outcome: string | null): string {
  if (outcome === 'NOT_ACCESSIBLE') return 'Not accessible: assign it to this service in Apple Business again'
  if (outcome === 'FAILED') return 'Apple could not assign the profile; it is tried again'
  return status !== null && Object.hasOwn(PROFILE, status) ? PROFILE[status as keyof typeof PROFILE] : PROFILE.empty
}
