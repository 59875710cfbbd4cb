import { EgressView } from '../../setup/views.ts'
import { allowedTo } from '../procedure.ts'

/** A TLS handshake with each host of the list. Nobody names a host here, and it is done once in ten seconds at most. */
export const tryEgress = allowedTo('change the set-up')
  .output(EgressView)
  .mutation(({ ctx }) => ctx.deps.setup.tryEgress())
