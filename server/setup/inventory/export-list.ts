import type { Store } from '../../store/client.ts'
import { listInventory } from '../../store/inventory.ts'
import { writeCsv } from './csv.ts'

const PAGE = 2000
/** What a spreadsheet opens; a fleet of this product is far below. */
const MAX_ROWS = 100_000

const HEAD = ['serial', 'name', 'pool', 'ring', 'model', 'macos', 'state', 'added']

/** The whole inventory as CSV, which can be imported again elsewhere. */
export async function exportList(store: Store): Promise<{ csv: string; macs: number }> {
  const rows: string[][] = []
  for (let after = ''; rows.length < MAX_ROWS; ) {
    const page = await listInventory(store, { after, limit: PAGE })
    for (const mac of page) {
      const { serial, name, pool, ring, model, osVersion, state, addedAt } = mac
      rows.push([serial, name ?? '', pool ?? '', ring, model ?? '', osVersion ?? '', state, addedAt.toISOString()])
    }
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) break
    after = last.serial
  }
  return { csv: writeCsv([HEAD, ...rows]), macs: rows.length }
}
