'use client'
import { useInfiniteQuery } from '@tanstack/react-query'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { EventList } from '../components/event-list.tsx'
import { FailedState, LoadingRows } from '../components/states.tsx'

const PAGE_SIZE = 20

/** What happened to this Mac, newest first, as far back as one cares to read. */
export function Timeline({ mac }: { mac: string }) {
  const events = useInfiniteQuery({
    queryKey: ['mac', mac, 'events'],
    queryFn: ({ pageParam }) => api.macs.listMacEvents.query({ mac, limit: PAGE_SIZE, ...(pageParam !== null && { before: pageParam }) }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  })
  return (
    <Card>
      <CardHeader title="Timeline" />
      {events.data !== undefined ? (
        <>
          <EventList events={events.data.pages.flatMap((page) => page.events)} />
          {events.hasNextPage && (
            <div className="border-t border-line p-2 text-center">
              <Button variant="quiet" size="sm" isBusy={events.isFetchingNextPage} onClick={() => void events.fetchNextPage()}>
                Show earlier events
              </Button>
            </div>
          )}
        </>
      ) : events.isError ? (
        <FailedState error={events.error} retry={() => void events.refetch()} what="The timeline could not be loaded" />
      ) : (
        <LoadingRows rows={4} label="Loading the timeline" />
      )}
    </Card>
  )
}
