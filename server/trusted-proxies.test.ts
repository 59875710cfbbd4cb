import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, test } from 'vitest'
import { createAddressOf, isProxyRange, trustedProxies } from './trusted-proxies.ts'

function request(remoteAddress: string, ...forwarded: string[]): IncomingMessage {
  const socket = new Socket()
  Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress })
  const message = new IncomingMessage(socket)
  message.rawHeaders = forwarded.flatMap((value) => ['X-Forwarded-For', value])
  for (const value of forwarded) message.headers['x-forwarded-for'] = value
  message.headersDistinct = forwarded.length === 0 ? {} : { 'x-forwarded-for': forwarded }
  return message
}

describe('the address that a request came from', () => {
  const addressOf = createAddressOf(trustedProxies(['10.0.0.0/8', '2001:db8::/32', '192.0.2.1']))

  test.each([
    ['the peer, when it is no proxy of ours, whatever it claims', request('203.0.113.9', '198.51.100.1'), '203.0.113.9'],
    ['the peer, when a proxy forwards for nobody', request('10.0.0.1'), '10.0.0.1'],
    ['the caller that the proxy saw', request('10.0.0.1', '203.0.113.9'), '203.0.113.9'],
    ['not what the caller wrote before it', request('10.0.0.1', '1.1.1.1, 203.0.113.9'), '203.0.113.9'],
    ['nor a proxy’s address that the caller wrote', request('10.0.0.1', '10.9.9.9, 203.0.113.9'), '203.0.113.9'],
    ['through a chain of proxies', request('10.0.0.1', '203.0.113.9, 2001:db8::7, 192.0.2.1'), '203.0.113.9'],
    ['from a header that came twice', request('10.0.0.1', '1.1.1.1', '203.0.113.9'), '203.0.113.9'],
    ['from a proxy over a mapped address', request('::ffff:10.0.0.1', '203.0.113.9'), '203.0.113.9'],
    ['the farthest proxy, when there is nobody else', request('10.0.0.1', '10.0.0.3, 10.0.0.2'), '10.0.0.3'],
  ])('is %s', (_, given, expected) => expect(addressOf(given)).toBe(expected))

  test('is the peer’s own without proxies', () => {
    expect(createAddressOf(trustedProxies([]))(request('127.0.0.1', '203.0.113.9'))).toBe('127.0.0.1')
  })

  test('is the same for upgrades as Fastify tells it for requests', async () => {
    const isTrusted = trustedProxies(['10.0.0.0/8'])
    const app = Fastify({ trustProxy: isTrusted })
    app.get('/', (asked) => asked.ip)
    const hop = fc.constantFrom('10.0.0.1', '10.1.2.3', '203.0.113.9', '198.51.100.1', '2001:db8::1')
    await fc.assert(
      fc.asyncProperty(hop, fc.array(hop, { maxLength: 4 }), async (remoteAddress, hops) => {
        const headers = hops.length === 0 ? {} : { 'x-forwarded-for': hops.join(', ') }
        const { body } = await app.inject({ url: '/', remoteAddress, headers })
        expect(createAddressOf(isTrusted)(request(remoteAddress, ...Object.values(headers)))).toBe(body)
      }),
    )
    await app.close()
  })
})

test.each(['10.0.0.1', '10.0.0.0/8', '::1', '2001:db8::/32', '::ffff:10.0.0.1'])('%s names a proxy', (range) => {
  expect(isProxyRange(range)).toBe(true)
})

test.each(['', 'proxy', '10.0.0', '10.0.0.0/33', '10.0.0.0/0', '::/0', '10.0.0.0/8/8', '10.0.0.0/', '::1%lo', '10.0.0.0/-1'])(
  '“%s” names none',
  (range) => {
    expect(isProxyRange(range)).toBe(false)
    expect(() => trustedProxies([range])).toThrow(TypeError)
  },
)
