import { expect, test } from 'vitest'
import { AppError } from './errors.ts'
import { createLog } from './log.ts'

function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  let lines = ''
  write(
    createLog('debug', {
      write: (line) => {
        lines += line
      },
    }),
  )
  return lines
}

test('a request leaves its method and path, never its headers, query, body or enrollment code', () => {
  const request = {
    id: 'req_1',
    method: 'POST',
    url: '/enroll/Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5/profile?code=hidden',
    ip: '10.0.0.9',
    headers: { authorization: 'Bearer esp_hidden', cookie: 'session=hidden' },
    body: { messages: [{ content: 'hidden' }] },
  }
  const line = logged((log) => log.info({ req: request }, 'request'))
  expect(JSON.parse(line).req).toEqual({ id: 'req_1', method: 'POST', path: '/enroll/…/profile', ip: '10.0.0.9' })
  expect(line).not.toMatch(/hidden|Zm9v/)
})

test('a secret logged by its name is redacted, two levels deep', () => {
  const line = logged((log) =>
    log.info({ token: 'hidden', user: { password: 'hidden', keys: { apiKey: 'hidden' } }, headers: { cookie: 'hidden' } }),
  )
  expect(line).not.toContain('hidden')
  expect(line.match(/\[redacted\]/g)).toHaveLength(4)
})

test('an error leaves its code, detail and causes, and nothing that a library hung on it', () => {
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', request: { body: 'hidden' } })
  const line = logged((log) => log.error({ err: new AppError('mac_failed', { detail: 'engine', cause }) }, 'failed'))
  expect(line).not.toContain('hidden')
  expect(JSON.parse(line).err).toMatchObject({
    type: 'AppError',
    code: 'mac_failed',
    detail: 'engine',
    cause: { code: 'ECONNREFUSED', message: 'refused' },
  })
})

test('a cause that is its own cause ends', () => {
  const error = new Error('again')
  error.cause = error
  expect(JSON.parse(logged((log) => log.error({ err: error }))).err.message).toBe('again')
})
