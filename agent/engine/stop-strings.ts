/** Finds stop strings in text that arrives in pieces, holding back only what could still become one. */
export interface StopMatcher {
  /** What may be shown now; `stopped` when a stop string was found (it and everything after it are dropped). */
  push(text: string): { text: string; stopped: boolean }
  /** What was held back, once no more text comes. */
  end(): string
}

export function createStopMatcher(stops: readonly string[]): StopMatcher {
  let held = ''
  return {
    push(text) {
      const buffer = held + text
      const at = firstStop(buffer, stops)
      if (at !== undefined) {
        held = ''
        return { text: buffer.slice(0, at), stopped: true }
      }
      const keep = longestPossibleStop(buffer, stops)
      held = buffer.slice(buffer.length - keep)
      return { text: buffer.slice(0, buffer.length - keep), stopped: false }
    },
    end() {
      const rest = held
      held = ''
      return rest
    },
  }
}

function firstStop(buffer: string, stops: readonly string[]): number | undefined {
  const found = stops.map((stop) => buffer.indexOf(stop)).filter((index) => index >= 0)
  return found.length === 0 ? undefined : Math.min(...found)
}

/** Length of the longest end of `buffer` that is the beginning of a stop string. */
function longestPossibleStop(buffer: string, stops: readonly string[]): number {
  let longest = 0
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, buffer.length); length > longest; length--) {
      if (buffer.endsWith(stop.slice(0, length))) longest = length
    }
  }
  return longest
}
