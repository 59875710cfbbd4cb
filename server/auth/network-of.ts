import { isIPv6 } from 'node:net'

/**
 * The network that stands for an address where attempts and places are counted: an IPv4 address is one, but an IPv6 host chooses
 * freely among 2⁶⁴ addresses of its own (RFC 4291 §2.5.4), so that there the /64 counts.
 */
export function networkOf(address: string): string {
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (ipv4 !== undefined) return ipv4
  if (!isIPv6(address)) return address
  return `${firstGroups(address).slice(0, 4).join(':')}::/64`
}

/** The groups of an IPv6 address as plain hex. Those that `::` stands for are zero, and of the rest the first four matter. */
function firstGroups(address: string): string[] {
  // URL writes every IPv6 address in its one canonical form (RFC 5952), with IPv4 tails as groups and no zone.
  const canonical = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const split = (part: string | undefined) => (part === undefined || part === '' ? [] : part.split(':'))
  const [before, after] = [split(head), split(tail)]
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
}
