'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type Answers, api } from '../api.ts'
import { useMay } from '../use-session.ts'

export type AlertRow = Answers['alerts']['listAlerts']['rows'][number]
export type Severity = AlertRow['severity']

const REFRESH_MS = 30_000
/** As many as the panel of the bell shows; the page shows all. */
const SHOWN = 10

/** What is open, for the bell and the banner; nothing for whoever may not read alerts. */
export function useOpenAlerts() {
  const may = useMay('read alerts')
  return useQuery({
    queryKey: ['alerts', 'open', SHOWN],
    queryFn: () => api.alerts.listAlerts.query({ pageSize: SHOWN }),
    refetchInterval: REFRESH_MS,
    enabled: may,
  })
}

export function useAcknowledge() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => api.alerts.acknowledgeAlert.mutate({ id }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['alerts'] }),
  })
}
