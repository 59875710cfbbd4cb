import { MigrationView } from '../../setup/views.ts'
import { allowedTo } from '../procedure.ts'

/** Which Macs are on their way here from another MDM server. */
export const getMigration = allowedTo('read the set-up')
  .output(MigrationView)
  .query(({ ctx }) => ctx.deps.setup.readMigration())
