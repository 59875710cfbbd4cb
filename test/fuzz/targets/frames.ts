import { decodeDataFrame, encodeDataFrame } from '../../../server/protocol/data-frames.ts'
import { type Parsed, parseAgentFrame, parseCoordinatorFrame } from '../../../server/protocol/frames.ts'
import { createRevocationJoiner } from '../../../server/protocol/revocations.ts'
import { bytesOf, hold, type Input, one, same, type Target } from '../target.ts'
import { isHoldable } from './ddm.ts'

const hash = 'ab'.repeat(32)
const request = 'req_0123456789abcdefghjk'
const usage = { promptTokens: 12, completionTokens: 3, cachedPromptTokens: 0 }
const capacity = { slots: 4, active: 1, models: [{ name: 'demo', state: 'ready', progress: 0.5 }], thermal: 'nominal', available: true }
const signed = { list: 'eyJ2IjoxfQ', signature: 'A'.repeat(86), key: 'MCowBQYDK2VwAyEA' }
const FRAMES: readonly object[] = [
  {
    type: 'hello',
    protocol: 2,
    serial: '0HXK2Q9ABC',
    agentKey: 'MFkw',
    agentVersion: '0.1.0',
    keyBindings: ['mdm-signed'],
    revocations: 3,
  },
  { type: 'challenge-answer', transcript: 'eyJ9', signature: 'AAAA' },
  { type: 'bind-proof', proof: 'AAAA' },
  { type: 'key-published', certificate: 'MIIB' },
  { type: 'key-attestation', chain: ['MIIB', 'MIIC'] },
  { type: 'revocation-list', signed },
  { type: 'revocation-list', signed: { ...signed, page: { index: 0, of: 2 } } },
  { type: 'key-config', keyConfig: { config: 'eyJ9', signature: 'AAAA' } },
  { type: 'heartbeat', beat: 'eyJ9', signature: 'AAAA' },
  { type: 'capacity', capacity },
  { type: 'accepted', request },
  { type: 'done', request, usage },
  { type: 'error', request, code: 'out_of_memory', usage },
  { type: 'drained' },
  { type: 'challenge', session: 'ses_0123456789abcdefghjk', nonce: 'AAAA', at: 1, previous: hash },
  { type: 'bind', session: 'ses_0123456789abcdefghjk', mac: 'mac_0123456789abcdefghjk', ticketId: 't', nonce: 'AAAA' },
  { type: 'status', mac: null, trust: 'refused', reasons: ['SIP_DISABLED'], evidenceDigest: null },
  { type: 'request', request, model: 'demo', keyConfig: hash, enc: 'AAAA', sealedAt: 1 },
  { type: 'credit', request, bytes: 65536 },
  { type: 'desired-models', models: ['demo'] },
  { type: 'drain', reason: 'update' },
  { type: 'of-tomorrow', what: [1, { two: null }] },
]

export const framesControl: Target = {
  name: 'frames-control',
  about: 'Control frames of the agent’s socket, both directions: what is read is written and read as the same frame.',
  shape: 'text',
  words: [
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    'null',
    'true',
    '"type":',
    '"__proto__":',
    '"constructor":',
    '\\u0000',
    '\\ud800',
    '{"a":',
    '[[',
    'type',
    'hello',
    request,
  ],
  open: async () => {
    const join = createRevocationJoiner()
    return { corpus: FRAMES.map((frame) => one(JSON.stringify(frame))), run: ([bytes = new Uint8Array()]) => readControl(bytes, join) }
  },
}

function readControl(bytes: Uint8Array, join: ReturnType<typeof createRevocationJoiner>): string {
  const text = new TextDecoder().decode(bytes)
  const words = ([parseAgentFrame, parseCoordinatorFrame] as const).map((parse): string => {
    const parsed: Parsed<object> = parse(text)
    if (!parsed.ok)
      return parsed.reason === 'malformed' ? `malformed ${parsed.detail.replace(/\d+|“.*?”|".*?"/gs, '…').slice(0, 60)}` : parsed.reason
    const written = JSON.stringify(parsed.frame)
    const again: Parsed<object> = parse(written)
    hold('a frame is read as it was written', again.ok && JSON.stringify(again.frame) === written)
    hold('PostgreSQL can hold every text of a frame', isHoldable(written))
    const frame = parsed.frame as { type: string; signed?: Parameters<typeof join>[0] }
    return frame.type === 'revocation-list' && frame.signed !== undefined ? `${frame.type} ${join(frame.signed).state}` : frame.type
  })
  hold('nobody’s prototype has changed', !('polluted' in {}) && Object.keys(Object.prototype).length === 0)
  return words.join(' | ')
}

export const framesData: Target = {
  name: 'frames-data',
  about: 'Data frames of the agent’s socket: what is read is written as exactly the same bytes.',
  shape: 'bytes',
  maxBytes: 4096,
  words: ['req_', '\u0001\u0001', '\u0002'],
  open: async () => {
    const frames = [
      { kind: 1, request, sequence: 0, final: false, ciphertext: bytesOf('a'.repeat(40)) },
      { kind: 2, request, sequence: 2 ** 32 - 1, final: true, ciphertext: new Uint8Array() },
      { kind: 2, request: 'req_0123456789abcdef', sequence: 7, final: false, ciphertext: new Uint8Array(300) },
    ] as const
    return { corpus: frames.map((frame) => one(encodeDataFrame(frame as unknown as Parameters<typeof encodeDataFrame>[0]))), run: readData }
  },
}

function readData([bytes = new Uint8Array()]: Input): string {
  const frame = decodeDataFrame(bytes)
  if (frame === undefined) return `refused ${bytes.length === 0 ? 'empty' : (bytes[0] ?? 0) > 2 ? 'kind' : 'otherwise'}`
  hold('a frame is written as it was read', same(encodeDataFrame(frame), bytes))
  return `read ${frame.kind} ${frame.final} ${frame.request.length} ${frame.ciphertext.length === 0}`
}
