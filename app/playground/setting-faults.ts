import type { Settings } from './use-chat.ts'

export const TEMPERATURE = { least: 0, most: 2 }
export const TOKENS = { least: 1, most: 32_768 }

type Limits = { least: number; most: number }
type Faults = { temperature?: string; maxTokens?: string }

/** What keeps a request from being sent, by field. An empty field is none: the API’s own default then counts. */
export function faultsOf({ temperature, maxTokens }: Pick<Settings, 'temperature' | 'maxTokens'>): Faults {
  const faults: Faults = {}
  if (isOutside(temperature, TEMPERATURE)) faults.temperature = `From ${TEMPERATURE.least} to ${TEMPERATURE.most}.`
  if (isOutside(maxTokens, TOKENS) || !Number.isInteger(maxTokens ?? TOKENS.least))
    faults.maxTokens = `A whole number from ${TOKENS.least} to ${TOKENS.most}.`
  return faults
}

const isOutside = (value: number | undefined, { least, most }: Limits): boolean => value !== undefined && (value < least || value > most)
