import { ReleasesView } from '../../releases/views.ts'
import { allowedTo } from '../procedure.ts'

/** Every release of the agent, the rings, and what the connected Macs run. */
export const listReleases = allowedTo('read the fleet')
  .output(ReleasesView)
  .query(({ ctx }) => ctx.deps.releases.list())
