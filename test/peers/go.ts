import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { startAppliance } from '../journeys/support/appliance.ts'
import { startApple } from '../journeys/support/fleet.ts'
import { driveAcmez } from './go/acmez.ts'
import { ownerOf } from './go/enrollments.ts'
import { driveMdmb } from './go/mdmb.ts'
import type { Seen } from './go/peer.ts'
import { driveScepclient } from './go/scepclient.ts'

const USAGE = `Usage: node test/peers/go.ts [--acmez FILE] [--scepclient FILE] [--mdmb FILE] [--devices N]

Lets programs of others, built from Go, drive an appliance that is started for them. README.md beside this file says how they are built.

Exit status: 0 all was as it should be, 10 something was not, 30 no program was named.`

type Programs = { mdmb: string | undefined; scepclient: string | undefined; devices: number; folder: string }

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      acmez: { type: 'string' },
      scepclient: { type: 'string' },
      mdmb: { type: 'string' },
      devices: { type: 'string', default: '3' },
    },
  })
  const { acmez, scepclient, mdmb } = values
  if (acmez === undefined && scepclient === undefined && mdmb === undefined) {
    process.stderr.write(`${USAGE}\n`)
    return 30
  }
  const folder = await mkdtemp(join(tmpdir(), 'espalier-peers-'))
  try {
    const table: Seen[] = acmez === undefined ? [] : await driveAcmez(resolve(acmez), folder)
    if (scepclient !== undefined || mdmb !== undefined) {
      table.push(...(await driveAppliance({ scepclient, mdmb, devices: Number(values.devices), folder })))
    }
    for (const { peer, did, saw, ok } of table)
      process.stdout.write(`${ok ? 'ok   ' : 'WRONG'} ${peer.padEnd(11)}${did.padEnd(34)}${saw}\n`)
    return table.every(({ ok }) => ok) ? 0 : 10
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function driveAppliance({ mdmb, scepclient, devices, folder }: Programs): Promise<Seen[]> {
  const appliance = await startAppliance({ env: { ESPALIER_SOFTWARE_MACS: '0', ESPALIER_SCEP: 'on' } })
  const apple = startApple(appliance)
  try {
    const owner = await ownerOf(appliance)
    const table = scepclient === undefined ? [] : await driveScepclient({ scepclient: resolve(scepclient), folder, owner })
    if (mdmb !== undefined) table.push(...(await driveMdmb({ mdmb: resolve(mdmb), folder, appliance, owner, devices })))
    return table
  } finally {
    await apple.stop()
    await appliance.close()
  }
}

process.exitCode = await main()
