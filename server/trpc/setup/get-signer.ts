import { SignerView } from '../../setup/views.ts'
import { allowedTo } from '../procedure.ts'

/** Whose certificate signs enrollment profiles now. */
export const getSigner = allowedTo('read the set-up')
  .output(SignerView)
  .query(({ ctx }) => ctx.deps.setup.readSigner())
