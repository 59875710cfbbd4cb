import { tlv } from '../software-mac/apple/der-writer.ts'
import type { Random } from './random.ts'

/** A node of a DER tree; a primitive one keeps its content. OCTET and BIT STRINGs that hold DER are opened as well. */
type Node = {
  tag: number
  content: Uint8Array
  children: Node[] /** What stands before the children: the unused bits of a BIT STRING. */
  lead: Uint8Array
}

const MAX_NODES = 4000
const TAGS = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x24, 0x30, 0x31, 0xa0, 0xa1, 0xa3, 0x80]

/**
 * Changes one value of a DER tree and sets every length above it right again, so that the change is reached and not refused at the
 * door. What is not DER is left alone.
 */
export function mutateDer(bytes: Uint8Array, { random, donor }: { random: Random; donor: () => Uint8Array }): Uint8Array {
  const tree = read(bytes)
  if (tree === undefined) return bytes
  const nodes = flatten(tree)
  const integers = random.chance(0.15) ? nodes.filter(({ tag }) => tag === 0x02) : []
  const node = random.pick(integers.length > 0 ? integers : nodes)
  const parent = nodes.find(({ children }) => children.includes(node))
  change({ node, parent, random, donors: () => flatten(read(donor()) ?? tree) })
  return write(tree)
}

function change({ node, parent, random, donors }: { node: Node; parent: Node | undefined; random: Random; donors: () => Node[] }): void {
  const siblings = parent?.children ?? []
  const at = siblings.indexOf(node)
  switch (random.below(9)) {
    case 0: // the same value twice
      siblings.splice(at, 0, node)
      return
    case 1:
      siblings.splice(at, 1)
      return
    case 2: // another order
      siblings.splice(random.below(siblings.length + 1), 0, ...siblings.splice(at, 1))
      return
    case 3:
      node.tag = random.pick(TAGS)
      return
    case 4: // a value of another document, or of elsewhere in this one
      Object.assign(node, structuredClone(random.pick(donors())))
      return
    case 5: // deep nesting
      if (random.chance(0.2)) for (let i = random.below(200); i >= 0; i--) wrap(node)
      else wrap(node)
      return
    case 6: // a child that is one too many
      siblings.splice(at, 0, structuredClone(random.pick(donors())))
      return
    default:
      changeContent(node, random)
  }
}

function wrap(node: Node): void {
  node.children = [{ ...node }]
  Object.assign(node, { tag: 0x30, content: new Uint8Array(), lead: new Uint8Array() })
}

/** Counts and lengths at their edges: none, very many, below zero. */
const INTEGERS = [
  '',
  '00',
  'ff',
  '7f',
  '0080',
  '00ffff',
  '0f4240',
  '7fffffff',
  '00ffffffff',
  '80',
  '8000000000000000',
  '00ffffffffffffffff',
]

function changeContent(node: Node, random: Random): void {
  if (node.tag === 0x02 && random.chance(0.5)) {
    node.content = new Uint8Array(Buffer.from(random.pick(INTEGERS), 'hex'))
    return
  }
  const content = Uint8Array.from(node.children.length > 0 ? inside(node) : node.content)
  if (content.length > 0 && random.chance(0.7)) content[random.below(content.length)] = random.below(256)
  const shorter = random.chance(0.2) ? content.subarray(0, random.below(content.length + 1)) : content
  node.content = random.chance(0.2) ? Buffer.concat([shorter, random.bytes(1 + random.below(8))]) : shorter
  node.children = []
  node.lead = new Uint8Array()
}

function read(bytes: Uint8Array): Node | undefined {
  const left = { nodes: MAX_NODES }
  const list = readList(bytes, left, 0)
  return list?.length === 1 ? list[0] : undefined
}

function readList(bytes: Uint8Array, left: { nodes: number }, depth: number): Node[] | undefined {
  const nodes: Node[] = []
  for (let at = 0; at < bytes.length; ) {
    const head = readHead(bytes, at)
    if (head === undefined || --left.nodes < 0 || depth > 64) return undefined
    const content = bytes.slice(head.start, head.end)
    nodes.push(readNode(head.tag, content, left, depth))
    at = head.end
  }
  return nodes
}

function readNode(tag: number, content: Uint8Array, left: { nodes: number }, depth: number): Node {
  const lead = tag === 0x03 ? 1 : 0
  const mayHold = (tag & 0x20) !== 0 || ((tag === 0x04 || tag === 0x03) && content[lead] === 0x30)
  const children = mayHold ? readList(content.subarray(lead), left, depth + 1) : undefined
  return { tag, content, children: children ?? [], lead: children === undefined ? new Uint8Array() : content.slice(0, lead) }
}

function readHead(bytes: Uint8Array, at: number): { tag: number; start: number; end: number } | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const count = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || count > 3) return undefined
  let length = count === 0 ? first : 0
  for (let i = 0; i < count; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0)
  const start = at + 2 + count
  return start + length <= bytes.length ? { tag, start, end: start + length } : undefined
}

const flatten = (node: Node): Node[] => [node, ...node.children.flatMap(flatten)]
const inside = (node: Node): Uint8Array => Buffer.concat([node.lead, ...node.children.map(write)])
const write = (node: Node): Uint8Array => tlv(node.tag, node.children.length > 0 ? inside(node) : node.content)
