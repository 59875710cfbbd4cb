import { expect, test } from 'vitest'
import { createStrangers } from './strangers.ts'

function places(max: { total: number; perNetwork: number }) {
  const strangers = createStrangers(max)
  const evicted: string[] = []
  return { evicted, enter: (name: string, address: string) => strangers.enter(address, () => evicted.push(name)) }
}

test('a newcomer takes the place of the oldest of its own network, and of nobody else', () => {
  const { evicted, enter } = places({ total: 10, perNetwork: 2 })
  enter('other', '192.0.2.1')
  for (const name of ['a', 'b', 'c', 'd']) enter(name, '198.51.100.1')
  expect(evicted).toEqual(['a', 'b'])
})

test('a newcomer of another network takes the place of the oldest of all when there is none left', () => {
  const { evicted, enter } = places({ total: 3, perNetwork: 3 })
  for (const name of ['a', 'b', 'c']) enter(name, '198.51.100.1')
  enter('d', '192.0.2.1')
  expect(evicted).toEqual(['a'])
})

test('who has left is not evicted, and its place is free', () => {
  const { evicted, enter } = places({ total: 2, perNetwork: 2 })
  const leave = enter('a', '192.0.2.1')
  enter('b', '192.0.2.1')
  leave()
  leave()
  enter('c', '192.0.2.1')
  expect(evicted).toEqual([])
  enter('d', '192.0.2.1')
  expect(evicted).toEqual(['b'])
})

test('the addresses of one IPv6 /64 share their places', () => {
  const { evicted, enter } = places({ total: 10, perNetwork: 1 })
  enter('a', '2001:db8::1')
  enter('b', '2001:db8::2')
  enter('c', '2001:db8:0:1::1')
  expect(evicted).toEqual(['a'])
})
