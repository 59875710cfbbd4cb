import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { createLog } from '../log.ts'
import { answerError } from './server.ts'
import { answerUnknownAddresses } from './unknown-address.ts'

async function start() {
  const app = Fastify()
  app.setErrorHandler((error, request, reply) => answerError(createLog('error'), error, request, reply))
  answerUnknownAddresses(app)
  await app.register(async (pages) => {
    pages.get('/*', async () => 'a page')
  })
  return app
}

test.each([
  ['JSON', 'application/json', '{"model":"m"}'],
  ['a form', 'application/x-www-form-urlencoded', 'a=b'],
  ['broken JSON', 'application/json', '{'],
])('a client that forgot /v1 is told so, though its body is %s', async (_, type, payload) => {
  const app = await start()
  const answer = await app.inject({ method: 'POST', url: '/chat/completions?x=1', headers: { 'content-type': type }, payload })
  const message = 'There is nothing at POST /chat/completions. The API’s addresses begin with /v1.'
  expect([answer.statusCode, answer.json()]).toEqual([404, { error: { code: 'not_found', message, param: null } }])
})

test('the pages keep what they answer', async () => {
  const app = await start()
  expect((await app.inject('/chat/completions')).body).toBe('a page')
})
