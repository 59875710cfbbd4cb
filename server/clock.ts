/** The time, as an argument: whatever decides takes a Clock or a Date, never `Date.now()`. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }
