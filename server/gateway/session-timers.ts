import { CHALLENGE_INTERVAL_MS, CHALLENGE_TIMEOUT_MS, SILENCE_LIMIT_MS } from '#protocol/frames'
import type { Clock } from '../clock.ts'
import type { SessionEvent, TimerName } from './session-state.ts'

export type SessionTiming = {
  /** From the accepted socket to its hello. */
  helloTimeoutMs: number
  challengeIntervalMs: number
  answerTimeoutMs: number
  /** For the proof of a ticket: the MDM client may still be installing the profile that it came in. The ticket outlives the socket. */
  proofTimeoutMs: number
  /** From the accepted socket to the proof of its key: nobody holds a stranger's place for longer. An honest agent comes again. */
  admissionLimitMs: number
  /** The answer to a hello takes at least this long, so that its time does not tell whether the serial number is known. */
  identifyFloorMs: number
  /** Without a signed word. */
  silenceLimitMs: number
  /** From a cancel to its acknowledgement. */
  cancelLimitMs: number
}

export const DEFAULT_TIMING: SessionTiming = {
  helloTimeoutMs: 10_000,
  challengeIntervalMs: CHALLENGE_INTERVAL_MS,
  answerTimeoutMs: CHALLENGE_TIMEOUT_MS,
  proofTimeoutMs: 90_000,
  admissionLimitMs: 2 * 60_000,
  identifyFloorMs: 50,
  silenceLimitMs: SILENCE_LIMIT_MS,
  cancelLimitMs: 60_000,
}

const TIMER_EVENTS = {
  answer: { type: 'answer-overdue' },
  proof: { type: 'proof-overdue' },
  challenge: { type: 'challenge-due' },
  silence: { type: 'silent' },
  admission: { type: 'admission-overdue' },
} as const satisfies Record<TimerName, SessionEvent>

interface SessionTimers {
  /** Starts it anew when it is running. */
  start(timer: TimerName): void
  stop(timer: TimerName): void
  stopAll(): void
}

export function createSessionTimers(timing: SessionTiming, fire: (event: SessionEvent) => void): SessionTimers {
  const delays: Record<TimerName, number> = {
    answer: timing.answerTimeoutMs,
    proof: timing.proofTimeoutMs,
    challenge: timing.challengeIntervalMs,
    silence: timing.silenceLimitMs,
    admission: timing.admissionLimitMs,
  }
  const running = new Map<TimerName, NodeJS.Timeout>()
  const stop = (timer: TimerName) => clearTimeout(running.get(timer))
  return {
    start(timer) {
      stop(timer)
      running.set(
        timer,
        setTimeout(() => fire(TIMER_EVENTS[timer]), delays[timer]),
      )
    },
    stop,
    stopAll() {
      for (const timer of running.values()) clearTimeout(timer)
    },
  }
}

/**
 * Control frames taken in one second from a socket that has not proved its key: an agent sends at most ten capacities then, an
 * answer, a proof and a beat (agent/link/driver.ts).
 */
const MAX_STRANGERS_FRAMES_PER_SECOND = 16
/** Control frames taken from an admitted socket in one second, beyond those that its requests call for; a Mac sends a few a second. */
const MAX_CONTROL_FRAMES_PER_SECOND = 500
/** `accepted`, then `done` or `error`. */
const FRAMES_PER_REQUEST = 2
/** What a Mac that leaves such frames out can save up. */
const MAX_EXPECTED_FRAMES = 10_000

export interface FrameBudget {
  /** A request was sent to the Mac: its answer's frames are none of the Mac's own doing, and short requests make many. */
  requestOpened(): void
  /** The key is proved: the Mac's own budget from now on. */
  admitted(): void
  /** False once a socket has spent the frames of the present second. */
  spend(): boolean
}

export function createFrameBudget(clock: Clock): FrameBudget {
  let second = 0
  let spent = 0
  let expected = 0
  let maxPerSecond = MAX_STRANGERS_FRAMES_PER_SECOND
  return {
    requestOpened() {
      expected = Math.min(expected + FRAMES_PER_REQUEST, MAX_EXPECTED_FRAMES)
    },
    admitted() {
      maxPerSecond = MAX_CONTROL_FRAMES_PER_SECOND
    },
    spend() {
      if (expected > 0) {
        expected--
        return true
      }
      const now = Math.floor(clock.now().getTime() / 1000)
      if (now !== second) {
        second = now
        spent = 0
      }
      return ++spent <= maxPerSecond
    },
  }
}
