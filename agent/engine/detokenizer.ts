/** Turns tokens into text one at a time, never emitting a character of which only some bytes are there. */
export interface Detokenizer<Token> {
  /** The text that has become whole with this token; may be empty. */
  push(token: Token): string
}

/** U+FFFD: how a decoder shows an incomplete UTF-8 sequence; one for the whole incomplete end (WHATWG "maximal subpart"). */
const REPLACEMENT = '\ufffd'
/** Tokens of context that some tokenizers need to place spaces. */
const CONTEXT_TOKENS = 8
/** A model that makes invalid bytes for this long is not going to complete the character. */
const MAX_PENDING_TOKENS = 32

/** `decode` gives the text of `tokens` when they follow `before`. An incomplete end is dropped when the tokens end. */
export function createDetokenizer<Token>(decode: (tokens: Token[], before: Token[]) => string): Detokenizer<Token> {
  let before: Token[] = []
  let pending: Token[] = []
  let emitted = 0
  return {
    push(token) {
      pending.push(token)
      const text = decode(pending, before)
      const isWhole = !text.endsWith(REPLACEMENT) || pending.length >= MAX_PENDING_TOKENS
      const fresh = text.slice(emitted, isWhole ? text.length : text.length - REPLACEMENT.length)
      emitted += fresh.length
      if (isWhole) {
        before = [...before, ...pending].slice(-CONTEXT_TOKENS)
        pending = []
        emitted = 0
      }
      return fresh
    },
  }
}
