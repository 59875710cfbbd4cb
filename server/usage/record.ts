import type { MacId, RequestId } from '#protocol/ids'

export type Outcome = 'completed' | 'cancelled' | 'failed' | 'interrupted'

type Settlement = {
  at: Date
  outcome: Outcome
  errorCode?: string
  promptTokens?: number
  completionTokens?: number
}

/**
 * All that is kept of one inference request: who asked which model on which Mac, when, and counts. Never content.
 * A record only grows: opened, then a Mac and the first content's time, then settled once.
 */
export type RequestRecord = {
  id: RequestId
  apiKeyId: string
  model: string
  stream: boolean
  openedAt: Date
  mac?: MacId
  firstContentAt?: Date
  settled?: Settlement
}
