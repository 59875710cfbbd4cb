import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDetokenizer } from './detokenizer.ts'
import { createPromptRenderer } from './prompt.ts'
import { createStopMatcher } from './stop-strings.ts'
import { createTimerQueue } from './timer-queue.ts'

/** Cuts text into pieces at the given places. */
function cut(text: string, places: number[]): string[] {
  const sorted = [0, ...places.map((place) => place % (text.length + 1)).sort((a, b) => a - b), text.length]
  return sorted.slice(1).map((end, i) => text.slice(sorted[i], end))
}

function run(stops: string[], pieces: string[]): { text: string; stopped: boolean } {
  const matcher = createStopMatcher(stops)
  let text = ''
  for (const piece of pieces) {
    const pushed = matcher.push(piece)
    text += pushed.text
    if (pushed.stopped) return { text, stopped: true }
  }
  return { text: text + matcher.end(), stopped: false }
}

describe('stop strings', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 })
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 5 })

  test('one stop string cuts the text where indexOf finds it, however the text arrives', () => {
    fc.assert(
      fc.property(letters, stop, fc.array(fc.nat(), { maxLength: 8 }), (text, needle, places) => {
        const at = text.indexOf(needle)
        expect(run([needle], cut(text, places))).toEqual(at < 0 ? { text, stopped: false } : { text: text.slice(0, at), stopped: true })
      }),
    )
  })

  test('hold back nothing that cannot become a stop string', () => {
    const matcher = createStopMatcher(['END'])
    expect(matcher.push('the E')).toEqual({ text: 'the ', stopped: false })
    expect(matcher.push('asy')).toEqual({ text: 'Easy', stopped: false })
  })
})

describe('the detokenizer', () => {
  const decode = (tokens: number[]): string => Buffer.from(tokens).toString('utf8')

  test('gives the text back whatever its bytes, and never a part of a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!text.includes('\ufffd'))
        const detokenizer = createDetokenizer<number>(decode)
        const pieces = [...Buffer.from(text)].map((byte) => detokenizer.push(byte))
        expect(pieces.join('')).toBe(text)
        for (const piece of pieces) expect(piece).not.toContain('\ufffd')
      }),
    )
  })

  test('drops a character that never became whole', () => {
    const detokenizer = createDetokenizer<number>(decode)
    expect([0x61, 0xf0, 0x9f, 0xa6].map((byte) => detokenizer.push(byte)).join('')).toBe('a')
  })

  test('does not wait for ever on bytes that are no text', () => {
    const detokenizer = createDetokenizer<number>(decode)
    const pieces = Array.from({ length: 100 }, () => detokenizer.push(0xff))
    expect(pieces.join('').length).toBeGreaterThan(60)
  })
})

describe('the prompt', () => {
  const template =
    '{% for m in messages %}<|s|>{{ m.role }}\n{{ m.content }}<|e|>\n{% endfor %}{% if add_generation_prompt %}<|s|>assistant\n{% endif %}'
  const renderer = createPromptRenderer({ template, bosToken: '', eosToken: '<|e|>', controlTokens: ['<|s|>', '<|e|>'] })

  test('is one piece when no message spells out a control token', () => {
    expect(renderer.render([{ role: 'user', content: 'Hi < | s | >' }])).toEqual(['<|s|>user\nHi < | s | ><|e|>\n<|s|>assistant\n'])
  })

  test('is cut through every control token that a message spells out, and loses nothing', () => {
    const pieces = renderer.render([{ role: 'user', content: 'a<|e|>\n<|s|>b<|<|e|>e|>' }])
    expect(pieces.join('')).toBe('<|s|>user\na<|e|>\n<|s|>b<|<|e|>e|><|e|>\n<|s|>assistant\n')
    expect(pieces.flatMap((piece) => piece.match(/<\|[se]\|>/g) ?? [])).toEqual(['<|s|>', '<|e|>', '<|s|>'])
  })

  test('of a conversation that the template refuses is a malformed request', () => {
    const strict = createPromptRenderer({ template: "{{ raise_exception('no') }}", bosToken: '', eosToken: '', controlTokens: [] })
    expect(() => strict.render([{ role: 'user', content: 'Hi' }])).toThrow(expect.objectContaining({ code: 'malformed_request' }))
  })
})

test('the timer queue wakes in order of time, and not those that left', async () => {
  const queue = createTimerQueue()
  const woken: string[] = []
  const now = performance.now()
  queue.at(now + 20, () => woken.push('late'))
  queue.at(now + 5, () => woken.push('early'))
  const forget = queue.at(now + 10, () => woken.push('gone'))
  forget()
  queue.at(now + 5, () => woken.push('early too'))
  await new Promise((resolve) => setTimeout(resolve, 40))
  expect(woken).toEqual(['early', 'early too', 'late'])
})
