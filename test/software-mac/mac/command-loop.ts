import { createBackoff } from '../backoff.ts'
import type { CommandContext } from './commands/command.ts'
import { execute } from './commands/execute.ts'
import { ServerAway } from './http.ts'
import { type MdmClient, MdmRefused } from './mdm-client.ts'
import { isDict } from './plist/read.ts'
import type { PlistDict } from './plist/write.ts'

export type CommandLoop = {
  /** A push arrived: ask for commands, now or as soon as the present conversation is over. */
  wake(): void
  /** Ends with the signal, or by throwing what `client` throws for good. */
  run(): Promise<void>
}

const AWAKE_CHECK_MS = 1_000

/** Apple: Idle, then each answer brings the next command, until there is none. A command put off is asked for again once awake. */
export function createCommandLoop(options: {
  client: MdmClient
  context: () => CommandContext
  isAsleep: () => boolean
  onCommand: (requestType: string, status: string) => void
  /** The server is away, or refuses this Mac: an enrolled Mac stays enrolled and asks again later. */
  onTrouble: (why: string) => void
  /** What a command asked to be done after its answer. */
  afterwards: () => Promise<void>
  signal: AbortSignal
}): CommandLoop {
  let isDue = true // a Mac that starts asks once
  let ring = () => {}
  const wake = () => {
    isDue = true
    ring()
  }

  async function converse(): Promise<void> {
    let message: PlistDict = { Status: 'Idle', UDID: options.context().device().udid }
    for (;;) {
      const next = await options.client.connect(message)
      await options.afterwards()
      if (next === undefined) return
      const isAsleep = options.isAsleep()
      message = await execute(next, options.context(), isAsleep)
      options.onCommand(requestType(next), String(message.Status))
      if (isAsleep) whenAwake(wake)
    }
  }

  /** One watch at most, however many commands were put off. */
  let watch: NodeJS.Timeout | undefined
  function whenAwake(then: () => void): void {
    watch ??= setInterval(() => {
      if (options.isAsleep()) return
      clearInterval(watch)
      watch = undefined
      then()
    }, AWAKE_CHECK_MS)
  }

  function pushOrEnd(): Promise<void> {
    return new Promise((resolve) => {
      ring = resolve
      options.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  return {
    wake,
    async run() {
      const backoff = createBackoff({ minMs: 500, maxMs: 60_000 })
      try {
        while (!options.signal.aborted) {
          if (!isDue) await pushOrEnd()
          isDue = false
          if (options.signal.aborted) return
          try {
            await converse()
            backoff.reset()
          } catch (error) {
            if (options.signal.aborted) return
            if (!(error instanceof ServerAway || error instanceof MdmRefused)) throw error
            options.onTrouble(error.message)
            isDue = true
            await backoff.wait(options.signal).catch(() => {}) // aborted: the loop's condition sees it
          }
        }
      } finally {
        clearInterval(watch)
      }
    },
  }
}

function requestType(message: PlistDict): string {
  const command = message.Command
  return isDict(command) ? String(command.RequestType) : 'nothing'
}
