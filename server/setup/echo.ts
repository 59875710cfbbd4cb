import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'

/**
 * Questions that only this appliance can answer: whoever answers one at the public address is this appliance, and no other server that
 * stands there in its place. Each is good once.
 */
export type Echo = {
  /** What to ask for, and what the answer must then be. */
  ask(): { question: string; answer: string }
  /** Undefined: nobody asked this, or it has been answered. */
  answer(question: string): string | undefined
}

const LIFE_MS = 30_000
const MAX_OPEN = 32

/** Bounded: beyond it the oldest question is given up. */
export function createEcho(clock: Clock): Echo {
  const open = new Map<string, { answer: string; until: number }>()
  return {
    ask() {
      const [question, answer] = [randomBytes(24).toString('base64url'), randomBytes(24).toString('base64url')]
      if (open.size >= MAX_OPEN) open.delete(open.keys().next().value as string)
      open.set(question, { answer, until: clock.now().getTime() + LIFE_MS })
      return { question, answer }
    },
    answer(question) {
      const asked = open.get(question)
      open.delete(question)
      return asked !== undefined && clock.now().getTime() < asked.until ? asked.answer : undefined
    },
  }
}
