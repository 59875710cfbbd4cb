import { describe, expect, test } from 'vitest'
import { isSameOrigin, ownOrigins } from './same-origin.ts'

const origins = ownOrigins(new URL('https://ai.example.com'), 'production')
const host = 'ai.example.com'

describe('same-origin check', () => {
  test.each([
    { 'sec-fetch-site': 'same-origin', origin: 'https://ai.example.com', host },
    { 'sec-fetch-site': 'same-origin', host },
    { origin: 'https://ai.example.com', host },
    { origin: 'https://ai.example.com', host: 'behind.a.proxy' },
  ])('lets our own pages through: %j', (headers) => expect(isSameOrigin(headers, origins)).toBe(true))

  test.each([
    { host },
    { 'sec-fetch-site': 'cross-site', origin: 'https://ai.example.com', host },
    { 'sec-fetch-site': 'same-site', origin: 'https://ai.example.com', host },
    { 'sec-fetch-site': 'none', host },
    { origin: 'https://evil.example', host },
    { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example', host },
    { 'sec-fetch-site': 'same-origin', origin: 'https://rebound.example', host: 'rebound.example' },
    { origin: 'http://ai.example.com', host },
    { origin: 'https://ai.example.com:8443', host },
    { origin: 'null', host },
    { origin: '', host },
  ])('refuses everything else: %j', (headers) => expect(isSameOrigin(headers, origins)).toBe(false))
})

describe('our own origins', () => {
  const local = new URL('http://localhost:3200')

  test('are all names of this machine in evaluation', () => {
    expect([...ownOrigins(local, 'evaluation')]).toEqual(['http://localhost:3200', 'http://127.0.0.1:3200', 'http://[::1]:3200'])
  })

  test('are the public one alone in production, and where it names another machine', () => {
    expect([...ownOrigins(local, 'production')]).toEqual(['http://localhost:3200'])
    expect([...ownOrigins(new URL('https://ai.example.com'), 'evaluation')]).toEqual(['https://ai.example.com'])
  })
})
