import { createHash } from 'node:crypto'

/**
 * A bounded memory of what a pure function answered: the least recently used answer is forgotten first. Only for answers that
 * depend on nothing but the bytes they are filed under; whatever depends on the time is judged again each time.
 */
export function createMemo<T>(maxEntries: number): (bytes: readonly Uint8Array[], compute: () => T) => T {
  const answers = new Map<string, { value: T }>()
  return (bytes, compute) => {
    const key = nameBytes(bytes)
    const known = answers.get(key)
    if (known !== undefined) {
      answers.delete(key)
      answers.set(key, known)
      return known.value
    }
    const value = compute()
    answers.set(key, { value })
    const [oldest] = answers.keys()
    if (answers.size > maxEntries && oldest !== undefined) answers.delete(oldest)
    return value
  }
}

/** Every part with its length, so that no two lists of parts share a name. */
function nameBytes(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex')
}
