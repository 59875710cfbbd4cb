import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Appliance, fleetStatus, startAppliance, untilTrusted } from './support/appliance.ts'
import { espalier } from './support/cli.ts'
import { query } from './support/database.ts'

let appliance: Appliance
let openai: OpenAI

beforeAll(async () => {
  appliance = await startAppliance()
  await untilTrusted(appliance, 2)
  openai = new OpenAI({ baseURL: `${appliance.url}/v1`, apiKey: appliance.apiKey, maxRetries: 0 })
}, 240_000)

afterAll(async () => {
  await appliance?.close()
}, 60_000)

const ask = (content: string) =>
  openai.chat.completions.create({ model: 'espalier-demo', temperature: 0, messages: [{ role: 'user', content }] })

describe('a fresh appliance in evaluation mode', () => {
  test('writes its first-run secrets for their owner alone, and its public anchors', async () => {
    const file = await stat(join(appliance.dataDir, 'first-run.json'))
    expect(file.mode & 0o777).toBe(0o600)
    const firstRun = JSON.parse(await readFile(join(appliance.dataDir, 'first-run.json'), 'utf8'))
    expect(Object.keys(firstRun).sort()).toEqual(['adminEmail', 'adminPassword', 'apiKey', 'url'])
    for (const value of Object.values(firstRun)) expect(value).toMatch(/^[A-Za-z0-9@._:/-]+$/)
    expect(await readFile(join(appliance.dataDir, 'evaluation-root.pem'), 'utf8')).toContain('BEGIN CERTIFICATE')
    expect(await readFile(join(appliance.dataDir, 'log-key.pub'), 'utf8')).toContain('BEGIN PUBLIC KEY')
  })

  test('has two Macs that became trusted by themselves, each with evidence of its own', async () => {
    const macs = await fleetStatus(appliance)
    expect(macs).toMatchObject([
      { trust: 'trusted', reasons: [], keyBinding: 'ticket' },
      { trust: 'trusted', reasons: [], keyBinding: 'ticket' },
    ])
    expect(new Set(macs.map((mac) => mac.evidenceDigest)).size).toBe(2)
    const feed = async (path: string) => {
      const { macs } = (await (await appliance.get(path)).json()) as { macs: { evidenceAge: number | null }[] }
      // A second may pass between the two questions.
      return macs.map((mac) => ({ ...mac, evidenceAge: typeof mac.evidenceAge }))
    }
    expect(await feed('/v1/providers/attestation')).toEqual(await feed('/v1/fleet/attestation'))
  })

  test('completes a chat of the official OpenAI client', async () => {
    const completion = await ask('Say exactly: PONG')
    expect(completion.choices[0]).toMatchObject({ message: { role: 'assistant', content: 'PONG' }, finish_reason: 'stop' })
    expect(completion.usage?.total_tokens).toBe((completion.usage?.prompt_tokens ?? 0) + (completion.usage?.completion_tokens ?? 0))
  })

  test('streams a chat to the official OpenAI client, with usage', async () => {
    const stream = await openai.chat.completions.create({
      model: 'espalier-demo',
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: 'Count from 1 to 20' }],
    })
    let text = ''
    let chunks = 0
    let usage: OpenAI.CompletionUsage | null | undefined
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      if (chunk.choices[0]?.delta.content) chunks++
      usage = chunk.usage ?? usage
    }
    expect(text).toContain('18, 19, 20')
    expect(chunks).toBeGreaterThan(3)
    expect(usage?.completion_tokens).toBeGreaterThan(chunks - 1)
  })

  test('remembers within a conversation', async () => {
    const completion = await openai.chat.completions.create({
      model: 'espalier-demo',
      temperature: 0,
      messages: [
        { role: 'user', content: 'My name is Ada.' },
        { role: 'assistant', content: 'Nice to meet you, Ada!' },
        { role: 'user', content: 'What is my name?' },
      ],
    })
    expect(completion.choices[0]?.message.content).toContain('Ada')
  })

  test('names the Mac, the mode and the evidence in every answer', async () => {
    const reply = await appliance.get('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'espalier-demo', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 8 }),
    })
    const mac = (await fleetStatus(appliance)).find((one) => one.mac === reply.headers.get('x-espalier-mac'))
    expect(reply.headers.get('x-espalier-mode')).toBe('gateway')
    expect(reply.headers.get('x-espalier-attestation')).toBe(mac?.evidenceDigest)
    expect(reply.headers.get('x-request-id')).toMatch(/^req_/)
  })

  test('answers an unknown endpoint and a wrong key in OpenAI’s envelope', async () => {
    const unknown = await appliance.get('/v1/nothing-here')
    expect(unknown.status).toBe(404)
    expect(await unknown.json()).toMatchObject({ error: { code: 'not_found', type: 'invalid_request_error' } })
    const wrong = await fetch(`${appliance.url}/v1/models`, { headers: { authorization: 'Bearer esp_wrong' } })
    expect(wrong.status).toBe(401)
    expect(await wrong.json()).toMatchObject({ error: { code: 'invalid_api_key' } })
  })

  test('refuses a second start on the same data directory, naming the first', async () => {
    const { code, stderr } = await espalier(['serve'], { ESPALIER_DATA: appliance.dataDir, PORT: '1' })
    expect(code).toBe(1)
    expect(stderr).toContain(String(appliance.pid()))
    expect(stderr).not.toContain('    at ')
  })

  test('hands out evidence that the command line proves under the evaluation root, and refuses under Apple’s', async () => {
    const fleet = (await (await appliance.get('/v1/fleet/attestation')).json()) as { macs: { chains: { deviceInformation: string[] } }[] }
    const [mac] = fleet.macs
    const pem = mac?.chains.deviceInformation.map((der) => `-----BEGIN CERTIFICATE-----\n${der}\n-----END CERTIFICATE-----\n`).join('')
    const file = join(appliance.dataDir, 'chain.pem')
    await writeFile(file, pem ?? '')
    const proven = await espalier(['attest', 'inspect', file, '--json', '--root', join(appliance.dataDir, 'evaluation-root.pem')])
    expect(proven.code).toBe(0)
    expect(JSON.parse(proven.stdout).notChecked.length).toBeGreaterThan(0)
    const underApple = await espalier(['attest', 'inspect', file, '--json'])
    expect(underApple.code).toBe(10)
    expect(underApple.stdout).toContain('CHAIN_UNTRUSTED')
    const garbage = await espalier(['attest', 'inspect', join(appliance.dataDir, 'secret'), '--json'])
    expect(garbage.code).toBe(30)
  })

  test('keeps no trace of a prompt or its answer in the database, the logs or any file', async () => {
    const canary = `canary${Math.random().toString(36).slice(2)}zq`
    const answer = await ask(`Say exactly: ${canary}`)
    expect(JSON.stringify(answer)).toContain('choices')
    const stream = await openai.chat.completions.create({
      model: 'espalier-demo',
      stream: true,
      messages: [{ role: 'user', content: `Say exactly: ${canary}` }],
    })
    for await (const _ of stream);
    // So that a search of the database's files sees what is still in its memory.
    await query(appliance, 'CHECKPOINT')
    expect(appliance.output()).not.toContain(canary)
    expect(await filesContaining(appliance.dataDir, canary)).toEqual([])
  })
})

/** Every file below `dir` whose bytes hold the words, in UTF-8 or UTF-16. */
async function filesContaining(dir: string, words: string): Promise<string[]> {
  const needles = [Buffer.from(words), Buffer.from(words, 'utf16le'), Buffer.from(Buffer.from(words).toString('base64').slice(2, -4))]
  const hits: string[] = []
  let searched = 0
  for (const name of await readdir(dir, { recursive: true })) {
    const path = join(dir, name)
    const bytes = await readFile(path).catch(() => undefined)
    if (bytes === undefined) continue
    searched++
    if (needles.some((needle) => bytes.includes(needle))) hits.push(name)
  }
  expect(searched).toBeGreaterThan(100)
  return hits
}
