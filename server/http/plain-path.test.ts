import { expect, test } from 'vitest'
import { isPlainPath } from './plain-path.ts'

test.each(['/', '/macs', '/mac/mac_1', '/_next/static/chunks/app/(console)/mac/%5Bid%5D/page-1.js', '/icon.svg', '/a..b/...'])(
  '%s is plain',
  (path) => expect(isPlainPath(path)).toBe(true),
)

test.each([
  '/_next/static/../macs',
  '/_next/static/..',
  '/./macs',
  '/_next/static/%2e%2e/macs',
  '/_next/static/.%2E/macs',
  '/_next/static/%252e%252e/macs',
  '/_next/static%2f..%2fmacs',
  '/_next/static\\..\\macs',
  '/_next/static/%5c..',
  '/macs%00',
])('%s is not', (path) => expect(isPlainPath(path)).toBe(false))
