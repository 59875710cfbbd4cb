import { WebSocket } from 'ws'
import { DATA_KIND, decodeDataFrame } from '#protocol/data-frames'
import {
  HEARTBEAT_INTERVAL_MS,
  MAX_CONTROL_FRAME_BYTES,
  MAX_DATA_FRAME_BYTES,
  parseCoordinatorFrame,
  SILENCE_LIMIT_MS,
} from '#protocol/frames'
import { createDesk } from '../inference/desk.ts'
import type { Logger } from '../log.ts'
import { createDriver, type LinkDeps } from './driver.ts'
import { createSender } from './sender.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
/** Longest header of a data frame (data-frames.ts). */
const DATA_HEADER_BYTES = 71
/** A peer that does not finish the closing handshake is cut. */
const CLOSE_TIMEOUT_MS = 2000
const POLICY_VIOLATION = 1008
const TOO_BIG = 1009

/** One socket from dialling to its end. An abort of `signal` drains: running work finishes, then the socket is closed. */
export async function runSession(deps: LinkDeps, signal: AbortSignal): Promise<{ livedMs: number }> {
  const socket = new WebSocket(deps.url, {
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: MAX_DATA_FRAME_BYTES + DATA_HEADER_BYTES,
    perMessageDeflate: false,
  })
  const gone = new AbortController()
  const sender = createSender(socket, () => socket.terminate())
  const isRevoked = (): boolean => deps.revocations.isRevoked(deps.platform.serial)
  const desk = createDesk({ ...deps, sender, isRevoked, onChange: () => driver.capacityChanged() })
  const close = (reason: string, code = POLICY_VIOLATION): void => {
    deps.log.info({ code, reason }, 'closing the socket')
    socket.close(code, reason)
    setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref()
  }
  const driver = createDriver({ ...deps, sender, desk, gone: gone.signal, close })
  let openedAt: number | undefined
  deps.modelNews.addEventListener('change', () => driver.capacityChanged(), { signal: gone.signal })

  socket.on('open', () => {
    openedAt = performance.now()
    driver.dispatch({ type: 'opened' })
  })
  socket.on('message', (data: Buffer, isBinary) => {
    if (socket.readyState !== WebSocket.OPEN) return // We have hung up.
    if (isBinary) onData(data)
    else onControl(data)
  })

  function onControl(data: Buffer): void {
    const parsed = data.length > MAX_CONTROL_FRAME_BYTES ? undefined : parseCoordinatorFrame(data.toString('utf8'))
    if (parsed === undefined) close('control frame too large', TOO_BIG)
    else if (parsed.ok) driver.dispatch({ type: 'frame', frame: parsed.frame })
    else if (parsed.reason === 'malformed') close('malformed frame')
  }

  function onData(data: Buffer): void {
    const frame = decodeDataFrame(data)
    if (frame?.kind === DATA_KIND.requestChunk) desk.chunk(frame)
    else close('malformed data frame')
  }

  const stopDraining = whenAborted(signal, () => (openedAt === undefined ? socket.terminate() : driver.drain()))
  const stopWatching = watchSilence(socket, deps.heartbeatMs ?? HEARTBEAT_INTERVAL_MS)
  await closed(socket, deps.log)
  stopDraining()
  stopWatching()
  gone.abort()
  sender.close()
  desk.close()
  driver.ended()
  return { livedMs: openedAt === undefined ? 0 : performance.now() - openedAt }
}

function closed(socket: WebSocket, log: Logger): Promise<void> {
  return new Promise((resolve) => {
    // `close` always follows; without a listener an error would end the process.
    socket.on('error', (error) => log.warn({ code: (error as NodeJS.ErrnoException).code ?? error.name }, 'socket failed'))
    socket.on('close', (code, reason) => {
      log.info({ code, reason: reason.toString('utf8').slice(0, 123) }, 'socket closed')
      resolve()
    })
  })
}

function whenAborted(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) act()
  else signal.addEventListener('abort', act, { once: true })
  return () => signal.removeEventListener('abort', act)
}

/** Pings, and gives up a socket on which nothing was heard for three heartbeats: a half-open one would look alive for ever. */
function watchSilence(socket: WebSocket, intervalMs: number): () => void {
  let heardAt = performance.now()
  const heard = (): void => {
    heardAt = performance.now()
  }
  for (const event of ['open', 'message', 'ping', 'pong']) socket.on(event, heard)
  const timer = setInterval(() => {
    if (performance.now() - heardAt > SILENCE_LIMIT_MS) socket.terminate()
    else if (socket.readyState === WebSocket.OPEN) socket.ping()
  }, intervalMs)
  return () => clearInterval(timer)
}
