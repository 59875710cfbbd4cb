import { randomBytes } from 'node:crypto'
import { Template } from '@huggingface/jinja'
import type { ChatMessage } from '#protocol/inference'
import { EngineError } from './engine.ts'

/** Renders a conversation with the model's own chat template. */
export interface PromptRenderer {
  /**
   * The prompt in pieces that must be tokenized one by one and joined as tokens. There is more than one piece only where a message
   * spells out a control token of the model: cut through, it stays text, and nobody can end another's turn by writing its marker.
   */
  render(messages: readonly ChatMessage[]): string[]
}

export type PromptOptions = { template: string; bosToken: string; eosToken: string; controlTokens: readonly string[] }

export function createPromptRenderer(options: PromptOptions): PromptRenderer {
  const template = new Template(options.template)
  const spelledOut = controlTokenPattern(options.controlTokens)
  return {
    render(messages) {
      // Noncharacters around 128 random bits: no message contains it, no template looks for it.
      const cut = `\ufdd0${randomBytes(16).toString('hex')}\ufdd1`
      const safe = messages.map(({ role, content }) => ({ role, content: content.replace(spelledOut, (first) => first + cut) }))
      return renderTemplate(template, {
        messages: safe,
        add_generation_prompt: true,
        bos_token: options.bosToken,
        eos_token: options.eosToken,
      }).split(cut)
    },
  }
}

/** Matches the first character of every control token's text, overlapping ones included. */
function controlTokenPattern(controlTokens: readonly string[]): RegExp {
  const texts = controlTokens.filter((text) => text.length > 1).map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return texts.length === 0 ? /(?!)/gu : new RegExp(`(?=${texts.join('|')}).`, 'gsu')
}

function renderTemplate(template: Template, values: Record<string, unknown>): string {
  try {
    return template.render(values)
  } catch (cause) {
    // Templates refuse what their model cannot take (roles that do not alternate, and the like). The cause may quote the message.
    throw new EngineError('malformed_request', { detail: 'the chat template refused the conversation', cause })
  }
}
