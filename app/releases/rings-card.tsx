import type { Answers } from '../api.ts'
import { Card, CardHeader, Fact, Facts } from '../components/card.tsx'

export type ReleasesView = Answers['releases']['listReleases']

export function RingsCard({ view }: { view: ReleasesView }) {
  const { canary, early, all } = view.rings
  return (
    <Card>
      <CardHeader title="The fleet" />
      <Facts>
        <Fact term="Rings">
          {canary} canary, {early} early, {all} in the last ring. A Mac’s ring is set on its page.
        </Fact>
        <Fact term="Running now">
          {view.running.length === 0
            ? 'No agent is connected.'
            : view.running.map(({ version, macs }) => `${version} on ${macs} ${macs === 1 ? 'Mac' : 'Macs'}`).join(', ')}
        </Fact>
      </Facts>
    </Card>
  )
}
