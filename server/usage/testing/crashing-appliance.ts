import { newId, type RequestId } from '#protocol/ids'
import { systemClock } from '../../clock.ts'
import { createStore } from '../../store/client.ts'
import { openJournal } from '../journal.ts'
import { createMeter } from '../meter.ts'

/** A process that settles one request, leaves another open, says so, and waits to be killed. Arguments: journal, database. */
const [path, databaseUrl] = process.argv.slice(2) as [string, string]
const meter = createMeter({
  store: createStore(databaseUrl).store,
  journal: await openJournal(path),
  clock: systemClock,
  log: { warn: () => {} },
})
const open = () => {
  const id = newId<RequestId>('req')
  return { id, account: meter.open({ id, apiKeyId: 'key_1', model: 'm', stream: true }) }
}
const left = open()
const settled = open()
await settled.account.settle({ outcome: 'completed', usage: { promptTokens: 3, completionTokens: 5 } })
process.send?.({ settled: settled.id, open: left.id })
