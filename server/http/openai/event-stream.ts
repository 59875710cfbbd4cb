import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** Silence after which a comment tells proxies that the stream lives. */
const KEEP_ALIVE_MS = 15_000
/** A client that takes nothing for so long loses the stream: it holds a Mac's slot. */
const STUCK_LIMIT_MS = 60_000

/** Server-sent events on one response, at the pace of the client. */
export type EventStream = {
  /** Undefined when there is room for more; else resolves when there is. Throws once the client has gone. */
  write(text: string): Promise<void> | undefined
  end(text: string): void
}

/** Commits status and headers; they travel with the first write. */
export function startEventStream(response: ServerResponse, headers: OutgoingHttpHeaders): EventStream {
  response.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no', // nginx would gather the tokens otherwise
  })
  const keepAlive = setInterval(() => {
    if (!response.writableNeedDrain) response.write(': keep-alive\n\n')
  }, KEEP_ALIVE_MS)
  const stop = () => clearInterval(keepAlive)
  response.once('close', stop)

  return {
    write(text) {
      if (response.destroyed) throw new ClientGone()
      keepAlive.refresh()
      return response.write(text) ? undefined : drained(response)
    },
    end(text) {
      stop()
      response.end(text)
    },
  }
}

export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const stuck = setTimeout(() => response.destroy(), STUCK_LIMIT_MS)
    const onDrain = () => settle(resolve)
    const onClose = () => settle(() => reject(new ClientGone()))
    function settle(answer: () => void): void {
      clearTimeout(stuck)
      response.off('drain', onDrain)
      response.off('close', onClose)
      answer()
    }
    response.on('drain', onDrain)
    response.on('close', onClose)
  })
}
