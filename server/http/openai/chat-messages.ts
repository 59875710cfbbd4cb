import type { ChatMessage } from '#protocol/inference'
import { AppError } from '../../errors.ts'
import { unsupported } from './chat-parameters.ts'

/** OpenAI renamed `system` to `developer` for its newer models; both mean the same to ours. */
const ROLES: Record<string, ChatMessage['role']> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
}

/** OpenAI's messages as the engine's: text only, a list of text parts joined into one string. */
export function parseChatMessages(messages: readonly unknown[]): ChatMessage[] {
  return messages.map((message, index) => parseMessage(message, `messages[${index}]`))
}

function parseMessage(message: unknown, param: string): ChatMessage {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) throw invalid(param, 'must be an object')
  const { role, content, tool_calls, function_call, audio } = message as Record<string, unknown>
  const known = typeof role === 'string' && Object.hasOwn(ROLES, role) ? ROLES[role] : undefined
  if (known === undefined) throw invalid(`${param}.role`, 'must be one of system, developer, user, assistant, tool')
  if (Array.isArray(tool_calls) && tool_calls.length > 0) throw unsupported(`${param}.tool_calls`, 'Tool calls are not supported.')
  if (isGiven(function_call)) throw unsupported(`${param}.function_call`, 'Function calls are not supported.')
  if (isGiven(audio)) throw unsupported(`${param}.audio`, 'Audio is not supported.')
  const isSilentAssistant = known === 'assistant' && !isGiven(content)
  return { role: known, content: isSilentAssistant ? '' : parseContent(content, `${param}.content`) }
}

function parseContent(content: unknown, param: string): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) throw invalid(param, 'must be a string or a list of parts')
  return content.map((part, index) => parsePart(part, `${param}[${index}]`)).join('')
}

function parsePart(part: unknown, param: string): string {
  const { type, text, refusal } = (part ?? {}) as Record<string, unknown>
  if (type === 'text' && typeof text === 'string') return text
  if (type === 'refusal' && typeof refusal === 'string') return refusal
  if (type === 'image_url' || type === 'input_audio' || type === 'file')
    throw unsupported(param, `Parts of type “${type}” are not supported.`)
  throw invalid(param, 'must be a part of type “text” with its text')
}

const isGiven = (value: unknown) => value !== undefined && value !== null

function invalid(param: string, fault: string): AppError {
  return new AppError('invalid_request', { param, public: `“${param}” ${fault}.` })
}
