import { Gauge, type Registry as Metrics } from 'prom-client'
import type { Registry } from './registry.ts'

/** Agents by how far they are: an alert belongs on `routable`, which is what employees feel, never on sockets (DESIGN §4). */
export function measureGateway(registry: Pick<Registry, 'counts'>, metrics: Metrics): void {
  const registers = [metrics]
  const sockets = new Gauge({ name: 'espalier_agent_sockets', help: 'Sockets of agents, strangers among them', registers })
  const live = new Gauge({ name: 'espalier_agents_live', help: 'Agents whose key has proved to be its Mac’s', registers })
  new Gauge({
    name: 'espalier_macs_routable',
    help: 'Macs to which requests may go now',
    registers,
    collect() {
      const counts = registry.counts()
      sockets.set(counts.sockets)
      live.set(counts.live)
      this.set(counts.routable)
    },
  })
}
