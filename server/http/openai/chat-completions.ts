import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RequestId } from '#protocol/ids'
import type { Clock } from '../../clock.ts'
import { toAppError } from '../../errors.ts'
import type { Answer, Inference } from '../../inference/handle.ts'
import { type Completion, chatChunks, chatCompletion } from './chat-chunks.ts'
import { parseChatRequest } from './chat-request.ts'
import { ClientGone, startEventStream } from './event-stream.ts'

export type ChatDeps = { inference: Inference; clock: Clock }

/** `POST /v1/chat/completions`. Status and headers are committed at the first content, so that every failure before it has its own status. */
export async function chatCompletions(
  deps: ChatDeps,
  http: { request: FastifyRequest; reply: FastifyReply; id: RequestId; keyId: string },
) {
  const { request, reply, id, keyId } = http
  const chat = parseChatRequest(request.body)
  const createdAt = deps.clock.now()
  const answer = await deps.inference.handle({ id, keyId, request: chat.engine, stream: chat.stream }, goneSignal(request, reply))
  reply.header('x-espalier-mac', answer.mac)
  reply.header('x-espalier-mode', 'gateway')
  reply.header('x-espalier-attestation', answer.evidenceDigest)
  const completion: Completion = { requestId: id, createdAt, model: chat.engine.model }
  if (!chat.stream) return await wholeAnswer(completion, answer)
  reply.hijack()
  await streamAnswer(reply, answer, chatChunks(completion, chat))
  return reply
}

/** Aborts when the client's connection closes before its answer is complete, whether or not anything was sent to it yet. */
function goneSignal(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  if (request.raw.socket.destroyed) gone.abort()
  return gone.signal
}

async function wholeAnswer(completion: Completion, { events }: Answer) {
  let text = ''
  let body: ReturnType<typeof chatCompletion> | undefined
  for await (const event of events) {
    if (event.type === 'text') text += event.text
    else body = chatCompletion(completion, { text, reason: event.reason, usage: event.usage })
  }
  if (body === undefined) throw new TypeError('a delivery ends after finish or throws')
  return body
}

async function streamAnswer(reply: FastifyReply, { events }: Answer, chunks: ReturnType<typeof chatChunks>): Promise<void> {
  const stream = startEventStream(reply.raw, reply.getHeaders() as Record<string, string>)
  let lead = chunks.role
  try {
    for await (const event of events) {
      const room = stream.write(lead + chunks.event(event))
      lead = ''
      if (room !== undefined) await room
    }
    stream.end(chunks.done)
  } catch (error) {
    // Leaving the loop has stopped the Mac already.
    if (!(error instanceof ClientGone)) stream.end(chunks.error(toAppError(error)))
  }
}
