/** Reads DER, and of BER the constructed octet strings that CMS writers make. Throws RangeError for anything that does not add up. */
export type Node = {
  tag: number
  /** The whole element, header included. */
  der: Uint8Array
  content: Uint8Array
  /** Of a constructed element. */
  children: Node[]
}

const MAX_DEPTH = 24

export function readDer(bytes: Uint8Array): Node {
  const { node, end } = readNode(bytes, 0, 0)
  if (end !== bytes.length) throw new RangeError('something follows the element')
  return node
}

function readNode(bytes: Uint8Array, at: number, depth: number): { node: Node; end: number } {
  if (depth > MAX_DEPTH) throw new RangeError('nested too deeply')
  const tag = byteAt(bytes, at)
  if ((tag & 0x1f) === 0x1f) throw new RangeError('high tag numbers are not used here')
  const { length, start } = readLength(bytes, at + 1)
  const end = start + length
  if (end > bytes.length) throw new RangeError('an element is cut off')
  const children: Node[] = []
  if ((tag & 0x20) !== 0) {
    for (let next = start; next < end; ) {
      const child = readNode(bytes.subarray(0, end), next, depth + 1)
      children.push(child.node)
      next = child.end
    }
  }
  return { node: { tag, der: bytes.subarray(at, end), content: bytes.subarray(start, end), children }, end }
}

function readLength(bytes: Uint8Array, at: number): { length: number; start: number } {
  const first = byteAt(bytes, at)
  if (first < 0x80) return { length: first, start: at + 1 }
  const count = first & 0x7f
  if (count === 0 || count > 4) throw new RangeError('this form of length is not read here')
  let length = 0
  for (let i = 1; i <= count; i++) length = length * 256 + byteAt(bytes, at + i)
  return { length, start: at + 1 + count }
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw new RangeError('an element is cut off')
  return byte
}

/** The n-th child of a constructed element. */
export function child(node: Node, index: number): Node {
  const found = node.children[index]
  if (found === undefined) throw new RangeError(`no element ${index}`)
  return found
}

export function oidText(node: Node): string {
  if (node.tag !== 0x06 || node.content.length === 0) throw new RangeError('not an object identifier')
  const arcs: number[] = []
  let arc = 0
  for (const byte of node.content) {
    arc = arc * 128 + (byte & 0x7f)
    if ((byte & 0x80) === 0) {
      arcs.push(arc)
      arc = 0
    }
  }
  const [first = 0, ...rest] = arcs
  const top = Math.min(Math.floor(first / 40), 2)
  return [top, first - top * 40, ...rest].join('.')
}

/** Bytes of an OCTET STRING, in one piece or in several. */
export function octets(node: Node): Uint8Array {
  return (node.tag & 0x20) === 0 ? node.content : new Uint8Array(Buffer.concat(node.children.map(octets)))
}
