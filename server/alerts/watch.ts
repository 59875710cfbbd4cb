import { Gauge, type Registry } from 'prom-client'
import type { Alerts, RaisedAlert } from './alerts.ts'
import { SEVERITIES } from './alerts.ts'

/** Looks after one kind of alert: says at each round everything that is wrong now, so that what is no longer said is cleared. */
export type Watcher = { kind: string; look(): Promise<readonly RaisedAlert[]> }

/** One round over all watchers. One that fails keeps no other waiting, and leaves its alerts as they are. */
export async function lookAround(alerts: Pick<Alerts, 'settle'>, watchers: readonly Watcher[]): Promise<void> {
  const failures: unknown[] = []
  for (const { kind, look } of watchers) {
    await look()
      .then((current) => alerts.settle(kind, current))
      .catch((error: unknown) => failures.push(error))
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} kinds of alert could not be looked after`)
}

/** Tells Prometheus how many alerts are open. */
export function measureAlerts(alerts: Pick<Alerts, 'countOpen'>, metrics: Registry): void {
  new Gauge({
    name: 'espalier_alerts_open',
    help: 'Alerts whose cause still stands, by severity; acknowledged ones included',
    labelNames: ['severity'],
    registers: [metrics],
    async collect() {
      // A database that is away says nothing about alerts: the last answer stands.
      const counts = await alerts.countOpen().catch(() => undefined)
      if (counts === undefined) return
      for (const severity of SEVERITIES) this.set({ severity }, counts[severity].open)
    },
  })
}
