import { Counter, Gauge, type Registry } from 'prom-client'
import type { DeliveryResult } from '../../mdm/ports.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/client.ts'
import { countWishes } from '../store/push-wishes.ts'

/** Pushes by what Apple answered, and how many Macs wait for one. */
export function measurePushes(deps: { store: Store; clock: Clock; metrics: Registry }): (result: DeliveryResult['status']) => void {
  const registers = [deps.metrics]
  const pushes = new Counter({
    name: 'espalier_pushes_total',
    help: 'Pushes, by what became of them',
    labelNames: ['result'],
    registers,
  })
  new Gauge({
    name: 'espalier_pushes_due',
    help: 'Macs that are to be woken now and have not been yet',
    registers,
    async collect() {
      const due = await countWishes(deps.store, deps.clock.now()).catch(() => undefined)
      if (due !== undefined) this.set(due)
    },
  })
  return (result) => pushes.inc({ result })
}
