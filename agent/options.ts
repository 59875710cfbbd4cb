import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { ModelSource } from './engine/engine.ts'

export type PlatformChoice = { kind: 'macos' } | { kind: 'software'; folder: string }

export type EngineChoice =
  | { kind: 'llama'; slots: number; contextTokens: number; threads?: number }
  | { kind: 'sim'; slots: number; contextTokens: number; ttftMs: number; itlMs: number }

export type AgentOptions = {
  /** The coordinator's WebSocket, ws(s)://…/agent. */
  url: string
  platform: PlatformChoice
  engine: EngineChoice
  models: ModelSource[]
  stateFolder: string
}

export type ParsedOptions = { ok: true; options: AgentOptions } | { ok: false; faults: string[] }

const FLAGS = {
  url: { type: 'string' },
  platform: { type: 'string' },
  engine: { type: 'string' },
  model: { type: 'string', multiple: true },
  slots: { type: 'string' },
  threads: { type: 'string' },
  context: { type: 'string' },
  'ttft-ms': { type: 'string' },
  'itl-ms': { type: 'string' },
  state: { type: 'string' },
} as const

const MAC_STATE_FOLDER = '/Library/Application Support/Espalier'
const DEFAULT_SLOTS = 4
const DEFAULT_CONTEXT_TOKENS = 8192
const MAX_MODELS = 64

type Environment = Record<string, string | undefined>

/** Flags win over the environment. Every fault is listed, each with its remedy. */
export function parseAgentOptions(argv: string[], env: Environment): ParsedOptions {
  const flags = readFlags(argv)
  if ('fault' in flags) return { ok: false, faults: [flags.fault] }
  const faults: string[] = []
  const url = socketUrl(flags.url ?? env.ESPALIER_URL, faults)
  const platform = platformChoice(flags.platform ?? env.ESPALIER_AGENT_PLATFORM, faults)
  const models = modelSources(flags.model ?? env.ESPALIER_AGENT_MODELS?.split(',') ?? [], faults)
  const engine = engineChoice(flags, env, faults)
  if (url === undefined || platform === undefined || engine === undefined || faults.length > 0) return { ok: false, faults }
  const stateFolder = stateFolderOf(flags.state ?? env.ESPALIER_AGENT_STATE, platform)
  return { ok: true, options: { url, platform, engine, models, stateFolder } }
}

/** Where the status of an agent with these flags is found; undefined when they name no Mac. */
export function parseStateFolder(argv: string[], env: Environment): string | undefined {
  const flags = readFlags(argv)
  if ('fault' in flags) return undefined
  const platform = platformChoice(flags.platform ?? env.ESPALIER_AGENT_PLATFORM, [])
  return platform && stateFolderOf(flags.state ?? env.ESPALIER_AGENT_STATE, platform)
}

type Flags = { [Name in keyof typeof FLAGS]?: Name extends 'model' ? string[] : string }

function readFlags(argv: string[]): Flags | { fault: string } {
  try {
    return parseArgs({ args: argv, options: FLAGS, allowPositionals: false }).values as Flags
  } catch (error) {
    return { fault: error instanceof Error ? error.message : 'unknown flags' }
  }
}

function stateFolderOf(given: string | undefined, platform: PlatformChoice): string {
  if (given !== undefined) return resolve(given)
  return platform.kind === 'software' ? join(platform.folder, 'agent') : MAC_STATE_FOLDER
}

function socketUrl(text: string | undefined, faults: string[]): string | undefined {
  const url = text === undefined ? null : URL.parse(text)
  const protocol = url && { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' }[url.protocol]
  if (!url || protocol === undefined) {
    faults.push('ESPALIER_URL is not the appliance’s address. Set it, or give --url, like https://espalier.example.com')
    return undefined
  }
  if (protocol === 'ws:' && !isLoopback(url.hostname)) {
    faults.push(`ESPALIER_URL speaks plain HTTP to ${url.hostname}, which is not this machine. Use its https:// address`)
    return undefined
  }
  return `${protocol}//${url.host}${url.pathname.replace(/\/(agent\/?)?$/, '')}/agent`
}

/** Every 127.0.0.0/8 address and `::1`; URL has brought them into their canonical form. */
const isLoopback = (hostname: string): boolean => hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)

function platformChoice(text: string | undefined, faults: string[]): PlatformChoice | undefined {
  if (text === undefined || text === 'macos') return { kind: 'macos' }
  const folder = /^software:(.+)$/.exec(text)?.[1]
  if (folder !== undefined) return { kind: 'software', folder: resolve(folder) }
  faults.push('ESPALIER_AGENT_PLATFORM is neither macos nor software:FOLDER. Set it, or give --platform')
  return undefined
}

function engineChoice(flags: Flags, env: Environment, faults: string[]): EngineChoice | undefined {
  const kind = flags.engine ?? env.ESPALIER_AGENT_ENGINE ?? 'auto'
  const number = (name: string, text: string | undefined, fallback: number, least: number, most: number): number => {
    const value = text === undefined ? fallback : Number(text)
    if (!Number.isFinite(value) || value < least || value > most) faults.push(`--${name} is not a number from ${least} to ${most}`)
    return value
  }
  const slots = Math.trunc(number('slots', flags.slots ?? env.ESPALIER_AGENT_SLOTS, DEFAULT_SLOTS, 1, 4096))
  const contextTokens = Math.trunc(number('context', flags.context, DEFAULT_CONTEXT_TOKENS, 16, 10_000_000))
  if (kind === 'auto' || kind === 'llama') {
    const threads = flags.threads === undefined ? {} : { threads: Math.trunc(number('threads', flags.threads, 1, 1, 1024)) }
    return { kind: 'llama', slots, contextTokens, ...threads }
  }
  if (kind === 'sim') {
    const ttftMs = number('ttft-ms', flags['ttft-ms'], 100, 0, 600_000)
    return { kind, slots, contextTokens, ttftMs, itlMs: number('itl-ms', flags['itl-ms'], 20, 0, 60_000) }
  }
  faults.push('--engine is none of auto, llama and sim')
  return undefined
}

function modelSources(texts: readonly string[], faults: string[]): ModelSource[] {
  if (texts.length > MAX_MODELS) faults.push(`--model is given more than ${MAX_MODELS} times`)
  const sources = texts.filter((text) => text.trim() !== '').map((text) => modelSource(text.trim()))
  const names = sources.map((source) => source.name)
  if (names.some((name) => name === '' || name.length > 200)) faults.push('--model is not NAME=FOLDER')
  if (new Set(names).size < names.length) faults.push('--model names the same model twice')
  return sources
}

/** NAME=FOLDER; the folder may be left out for the simulated engine, which reads none. */
function modelSource(text: string): ModelSource {
  const at = text.indexOf('=')
  return at < 0 ? { name: text, directory: '' } : { name: text.slice(0, at), directory: resolve(text.slice(at + 1)) }
}
