import { SetupView } from '../../setup/views.ts'
import { allowedTo } from '../procedure.ts'

/** How far the set-up has come: each step judged by the server, with what is wrong in words. */
export const getSetup = allowedTo('read the set-up')
  .output(SetupView)
  .query(({ ctx }) => ctx.deps.setup.read())
