import { describe, expect, test } from 'vitest'
import { isSameOrigin } from './same-origin.ts'

const publicUrl = new URL('https://ai.example.com')
const host = 'ai.example.com'

describe('same-origin check', () => {
  test.each([
    { 'sec-fetch-site': 'same-origin', origin: 'https://ai.example.com', host },
    { 'sec-fetch-site': 'same-origin', host },
    { origin: 'https://ai.example.com', host },
    { origin: 'http://127.0.0.1:3200', host: '127.0.0.1:3200' },
  ])('lets our own pages through: %j', (headers) => expect(isSameOrigin(headers, publicUrl)).toBe(true))

  test.each([
    { host },
    { 'sec-fetch-site': 'cross-site', origin: 'https://ai.example.com', host },
    { 'sec-fetch-site': 'same-site', origin: 'https://ai.example.com', host },
    { 'sec-fetch-site': 'none', host },
    { origin: 'https://evil.example', host },
    { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example', host },
    { origin: 'null', host },
    { origin: '', host },
  ])('refuses everything else: %j', (headers) => expect(isSameOrigin(headers, publicUrl)).toBe(false))
})
