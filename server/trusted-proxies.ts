import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv6 } from 'node:net'

/**
 * Who asked, behind proxies that terminate TLS: the one place that believes `X-Forwarded-For`. Each trusted proxy appends the
 * address of its own peer, so that the right-most address which is no proxy of ours is the last that somebody trusted has seen;
 * everything left of it may be the caller's invention.
 */
export type IsTrustedProxy = (address: string) => boolean

/** From addresses and CIDR ranges, each for which `isProxyRange`. An empty list trusts nobody. */
export function trustedProxies(ranges: readonly string[]): IsTrustedProxy {
  const list = new BlockList()
  for (const range of ranges) {
    const { address, bits, family } = parseRange(range) ?? fail(range)
    list.addSubnet(address, bits, family)
  }
  return (address) => {
    const plain = withoutMapping(address)
    return isIP(plain) !== 0 && list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
  }
}

export const isProxyRange = (range: string): boolean => parseRange(range) !== undefined

/** The address that an upgrade request came from; Fastify tells it of all others by the same rule. */
export function createAddressOf(isTrusted: IsTrustedProxy): (request: IncomingMessage) => string {
  return (request) => {
    const forwarded = (request.headersDistinct['x-forwarded-for'] ?? []).join(',').split(',')
    const hops = [...forwarded.map((hop) => hop.trim()).filter((hop) => hop !== ''), request.socket.remoteAddress ?? '']
    return hops.findLast((hop) => !isTrusted(hop)) ?? hops[0] ?? ''
  }
}

type Range = { address: string; bits: number; family: 'ipv4' | 'ipv6' }

function parseRange(range: string): Range | undefined {
  const [given = '', prefix, ...rest] = range.split('/')
  const address = withoutMapping(given)
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  const width = family === 'ipv6' ? 128 : 32
  if (isIP(address) === 0 || address.includes('%') || rest.length > 0) return undefined
  if (prefix === undefined) return { address, bits: width, family }
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
  // A range of every address would believe everybody.
  return bits >= 1 && bits <= width ? { address, bits, family } : undefined
}

/** A server that listens on `::` sees its IPv4 peers as `::ffff:192.0.2.1`. */
const withoutMapping = (address: string): string => address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')

function fail(range: string): never {
  throw new TypeError(`${range} is neither an address nor a range of addresses`)
}
