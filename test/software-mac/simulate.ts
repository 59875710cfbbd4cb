import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { keepApple } from './apple-process.ts'
import { type Lock, lockWithin } from './process-lock.ts'
import { type Status, superviseMac } from './simulated-mac.ts'
import { onParentGone } from './with-parent.ts'

/**
 * `simulate.ts --macs N --url URL …`, token in ESPALIER_TOKEN: software Apple and N Macs, until told to stop or left alone.
 * Macs that exist in `--dir` come back as they were; new ones are made, and invited through the appliance's API.
 */
const { values } = parseArgs({
  options: {
    macs: { type: 'string', default: '2' },
    engine: { type: 'string', default: 'llama' },
    slots: { type: 'string' },
    'ttft-ms': { type: 'string' },
    'itl-ms': { type: 'string' },
    model: { type: 'string', multiple: true },
    url: { type: 'string', default: 'http://localhost:3200' },
    dir: { type: 'string' },
    apple: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const data = process.env.ESPALIER_DATA ?? '.espalier'
const directory = resolve(values.dir ?? join(data, 'software-macs'))
const appleDirectory = resolve(values.apple ?? join(data, 'evaluation-apple'))
const appliance = { url: values.url, token: process.env.ESPALIER_TOKEN ?? '' }
delete process.env.ESPALIER_TOKEN // no business of the Macs and their agents
const extraArguments = [
  ...['engine', 'slots', 'ttft-ms', 'itl-ms'].flatMap((flag) => {
    const value = values[flag as 'engine']
    return value === undefined ? [] : [`--${flag}`, value]
  }),
  ...(values.model ?? []).flatMap((model) => ['--model', model]),
]

/** A simulator that was orphaned notices within this time. */
const handoverEnds = performance.now() + 1_500

const stopping = new AbortController()
const stop = () => stopping.abort()
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
process.stdout.on('error', stop) // nobody reads any more
onParentGone(stop)

const apple = keepApple(appleDirectory, stopping.signal)
await apple.ready.catch(() => {})
const claims: Lock[] = []
// Released at once when told to stop, so that whoever starts next comes back with the same Macs; each Mac has its own lock too.
stopping.signal.addEventListener('abort', () => {
  for (const claim of claims) claim.release()
})
const existing = existingSerials()
const used = new Set<string>()
const serials: string[] = []
while (serials.length < Number(values.macs)) serials.push(await claimSerial())
await Promise.all(serials.map(runMac))
const everyMacGaveUp = !stopping.signal.aborted
stop()
await apple.ended
process.exit(everyMacGaveUp ? 10 : 0)

/** A serial number that software Apple gave to another Mac before is passed over. */
async function runMac(serial: string): Promise<void> {
  const options = {
    directory: join(directory, serial),
    appleDirectory,
    appliance,
    extraArguments,
    onStatus: print,
    signal: stopping.signal,
  }
  for (let candidate = serial; ; candidate = await claimSerial()) {
    const outcome = await superviseMac({ ...options, serial: candidate, directory: join(directory, candidate) })
    if (outcome === 'ended') return
  }
}

function existingSerials(): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^ESPSIM\d{6}$/.test(name))
      .sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** The next Mac that no other simulator of this directory runs: existing ones first. */
async function claimSerial(): Promise<string> {
  for (let ordinal = 1; ; ordinal++) {
    const serial = existing.shift() ?? `ESPSIM${String(ordinal).padStart(6, '0')}`
    if (used.has(serial)) continue
    used.add(serial)
    const claim = await lockWithin(join(directory, `${serial}.lock`), handoverEnds - performance.now())
    if (claim === 'held') continue
    claims.push(claim)
    return serial
  }
}

function print({ serial, state, detail }: Status): void {
  const line = values.json
    ? JSON.stringify({ at: new Date().toISOString(), serial, state, detail })
    : `${serial}  ${state}${detail ? `: ${detail}` : ''}`
  console.log(line)
}
