'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { CircleCheck, CircleDashed, OctagonX } from 'lucide-react'
import { type Answers, api } from '../../api.ts'
import { Button } from '../../components/button.tsx'
import { Card, CardHeader } from '../../components/card.tsx'
import { ScrollRegion } from '../../components/scroll-region.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { FailureNote } from '../../components/states.tsx'
import { Ago } from '../../components/time.tsx'
import { useMay } from '../../use-session.ts'
import { SetupFrame, useMayReadSetup } from '../setup-frame.tsx'

type Egress = Answers['setup']['getEgress']

const EGRESS = ['setup-egress']
const WHEN = { always: 'Always', 'apple-business': 'With Apple Business', 'on-request': 'Only when asked for' } as const

/** Every host outside the house that is needed, by whom, and why. Prompts and answers go to none of them. */
export function EgressPage() {
  const queries = useQueryClient()
  const mayTry = useMay('change the set-up')
  const egress = useQuery({ queryKey: EGRESS, queryFn: () => api.setup.getEgress.query(), enabled: useMayReadSetup() })
  const attempt = useMutation({
    mutationFn: () => api.setup.tryEgress.mutate(),
    onSuccess: (results) => {
      queries.setQueryData(EGRESS, results)
      return queries.invalidateQueries({ queryKey: ['setup'] })
    },
  })
  return (
    <SetupFrame
      title="Outside hosts"
      note="All that has to be reached outside the house. No prompt and no answer goes to any of them."
      what="The list of hosts"
      query={egress}
      actions={
        mayTry && (
          <Button isBusy={attempt.isPending} onClick={() => attempt.mutate()}>
            Try now
          </Button>
        )
      }
    >
      {(data) => (
        <div className="space-y-4">
          {attempt.error !== null && <FailureNote error={attempt.error} />}
          <OwnHosts hosts={data.hosts} />
          <OthersHosts title="From the Macs" note="not tried from here" hosts={data.others.filter(({ who }) => who === 'Macs')} />
          <OthersHosts
            title="From the administrator’s browser"
            note="not tried from here"
            hosts={data.others.filter(({ who }) => who === 'administrator')}
          />
        </div>
      )}
    </SetupFrame>
  )
}

const HEAD = 'border-b border-line bg-sunken text-xs text-ink-3'
const TH = 'px-4 py-2 font-medium'

function OwnHosts({ hosts }: { hosts: Egress['hosts'] }) {
  return (
    <Card className="overflow-hidden">
      <CardHeader title="From this appliance" note="a TLS handshake is all that trying means" />
      <ScrollRegion label="Hosts that this appliance reaches" className="overflow-x-auto">
        <table className="w-full text-left">
          <thead className={HEAD}>
            <tr>
              <th className={TH}>Host</th>
              <th className={TH}>Why</th>
              <th className={TH}>When</th>
              <th className={TH}>Tried</th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {hosts.map((host) => (
              <tr key={host.id} className="align-top">
                <td className="px-4 py-2.5 font-mono text-xs whitespace-nowrap">
                  {host.host}:{host.port}
                </td>
                <td className="px-4 py-2.5">{host.why}</td>
                <td className="px-4 py-2.5 whitespace-nowrap">{WHEN[host.when]}</td>
                <td className="min-w-64 px-4 py-2.5">
                  <Result result={host.result} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </Card>
  )
}

function Result({ result }: { result: Egress['hosts'][number]['result'] }) {
  if (result === null) return <StateBadge tone="idle" icon={CircleDashed} word="Not yet" />
  return (
    <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
      {result.isReached ? (
        <StateBadge tone="good" icon={CircleCheck} word="Reached" />
      ) : (
        <StateBadge tone="bad" icon={OctagonX} word="Not reached" />
      )}
      <Ago at={result.at} className="text-xs text-ink-3" />
      <span className="basis-full text-ink-2">{result.sentence}</span>
    </span>
  )
}

function OthersHosts({ title, note, hosts }: { title: string; note: string; hosts: Egress['others'] }) {
  return (
    <Card className="overflow-hidden">
      <CardHeader title={title} note={note} />
      <ScrollRegion label={title} className="overflow-x-auto">
        <table className="w-full text-left">
          <thead className={HEAD}>
            <tr>
              <th className={TH}>Host</th>
              <th className={TH}>Ports</th>
              <th className={TH}>Why</th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {hosts.map(({ host, ports, why }) => (
              <tr key={host} className="align-top">
                <td className="px-4 py-2.5 font-mono text-xs">{host}</td>
                <td className="px-4 py-2.5 whitespace-nowrap">{ports}</td>
                <td className="px-4 py-2.5">{why}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </Card>
  )
}
