'use client'
import { useRef, useState } from 'react'
import { failureOf } from '../api.ts'
import { ChatError, type ChatTurn, type Provenance, streamChat } from './stream-chat.ts'

/** A rate over fewer tokens says more about the network than about the model. */
const FEWEST_TOKENS_FOR_A_SPEED = 8

export type Answer = {
  id: number
  prompt: string
  text: string
  state: 'waiting' | 'streaming' | 'done' | 'stopped' | 'failed'
  provenance?: Provenance
  error?: string
  finishReason?: string
  firstTokenMs?: number
  tokensPerSecond?: number
}

export type Settings = { model: string; system: string; temperature: number | undefined; maxTokens: number | undefined }

/** A conversation in this page's memory; it is gone when the page is left. */
export function useChat() {
  const [answers, setAnswers] = useState<Answer[]>([])
  const running = useRef<AbortController | undefined>(undefined)
  const nextId = useRef(1)
  const isRunning = answers.at(-1)?.state === 'waiting' || answers.at(-1)?.state === 'streaming'

  function change(id: number, change: (answer: Answer) => Partial<Answer>) {
    setAnswers((all) => all.map((answer) => (answer.id === id ? { ...answer, ...change(answer) } : answer)))
  }

  async function send(prompt: string, settings: Settings): Promise<void> {
    const id = nextId.current++
    const controller = new AbortController()
    running.current = controller
    const messages = [...historyOf(answers, settings.system), { role: 'user' as const, content: prompt }]
    setAnswers((all) => [...all, { id, prompt, text: '', state: 'waiting' }])
    const { temperature, maxTokens } = settings
    const limits = { ...(temperature !== undefined && { temperature }), ...(maxTokens !== undefined && { max_tokens: maxTokens }) }
    try {
      const request = { model: settings.model, messages, ...limits }
      await follow(request, controller.signal, (patch) => change(id, patch))
      change(id, () => ({ state: 'done' }))
    } catch (error) {
      change(id, () => (controller.signal.aborted ? { state: 'stopped' } : { state: 'failed', error: messageOf(error) }))
    }
  }

  return {
    answers,
    isRunning,
    send: (prompt: string, settings: Settings) => void send(prompt, settings),
    stop: () => running.current?.abort(),
    clear: () => setAnswers([]),
  }
}

type Change = (change: (answer: Answer) => Partial<Answer>) => void

/** Takes the events of one answer in, and measures it as its reader experiences it. */
async function follow(request: Parameters<typeof streamChat>[0], signal: AbortSignal, change: Change): Promise<void> {
  const startedAt = performance.now()
  let firstAt: number | undefined
  for await (const event of streamChat(request, signal)) {
    if (event.type === 'head') change(() => ({ provenance: event.provenance }))
    if (event.type === 'finish') change(() => ({ finishReason: event.reason }))
    if (event.type === 'text') {
      firstAt ??= performance.now()
      const firstTokenMs = firstAt - startedAt
      change((answer) => ({ text: answer.text + event.text, state: 'streaming', firstTokenMs }))
    }
    if (event.type === 'usage' && firstAt !== undefined) {
      const seconds = (performance.now() - firstAt) / 1000
      // The first token marks the start of the clock, so it is not counted.
      if (event.completionTokens >= FEWEST_TOKENS_FOR_A_SPEED && seconds > 0)
        change(() => ({ tokensPerSecond: (event.completionTokens - 1) / seconds }))
    }
  }
}

function historyOf(answers: readonly Answer[], system: string): ChatTurn[] {
  const turns: ChatTurn[] = system.trim() === '' ? [] : [{ role: 'system', content: system }]
  for (const answer of answers) {
    if (answer.text === '') continue
    turns.push({ role: 'user', content: answer.prompt }, { role: 'assistant', content: answer.text })
  }
  return turns
}

const messageOf = (error: unknown): string => (error instanceof ChatError ? error.message : failureOf(error).message)
