const MAX_BYTES = 1024

/**
 * The length-prefixed parts after a statement's purpose and its zero byte (statements.ts), exactly `count` of them with nothing left
 * over. Whoever reads them builds the statement again and compares: this only takes apart.
 */
export function splitStatement(statement: Uint8Array, count: number): Uint8Array[] | undefined {
  if (statement.length > MAX_BYTES) return undefined
  const own = Uint8Array.from(statement)
  const view = new DataView(own.buffer)
  const parts: Uint8Array[] = []
  let offset = own.indexOf(0) + 1
  while (offset + 8 <= own.length && parts.length < count) {
    const length = view.getBigUint64(offset)
    offset += 8
    if (length > BigInt(own.length - offset)) return undefined
    parts.push(own.subarray(offset, offset + Number(length)))
    offset += Number(length)
  }
  return parts.length === count && offset === own.length ? parts : undefined
}
