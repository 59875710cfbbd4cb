import { EgressView } from '../../setup/views.ts'
import { allowedTo } from '../procedure.ts'

/** Every host outside the house that is needed, by whom and why, with what came of trying it last. */
export const getEgress = allowedTo('read the set-up')
  .output(EgressView)
  .query(({ ctx }) => ctx.deps.setup.readEgress())
