import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { keepApple } from './apple-process.ts'
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

const stopping = new AbortController()
const stop = () => stopping.abort()
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
onParentGone(stop)

const apple = keepApple(appleDirectory, stopping.signal)
await apple.ready.catch(() => {})
const used = new Set(existingSerials())
const serials = [...used].slice(0, Number(values.macs))
while (serials.length < Number(values.macs)) serials.push(newSerial())
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
  for (let candidate = serial; ; candidate = newSerial()) {
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

function newSerial(): string {
  for (let ordinal = 1; ; ordinal++) {
    const serial = `ESPSIM${String(ordinal).padStart(6, '0')}`
    if (used.has(serial)) continue
    used.add(serial)
    return serial
  }
}

function print({ serial, state, detail }: Status): void {
  const line = values.json
    ? JSON.stringify({ at: new Date().toISOString(), serial, state, detail })
    : `${serial}  ${state}${detail ? `: ${detail}` : ''}`
  console.log(line)
}
