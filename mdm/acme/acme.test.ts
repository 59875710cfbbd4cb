import { describe, expect, test } from 'vitest'
import type { MdmDeps } from '../ports.ts'
import { type AcmeClient, createAcmeClient } from '../testing/acme-client.ts'
import { createMemoryPorts } from '../testing/memory-ports.ts'
import { createTestInstallation, PUBLIC_URL, type TestInstallation } from '../testing/test-installation.ts'
import { identifierOf, newCsr, newIdentityKey, type Profile } from '../testing/test-mac.ts'

const url = (path: string) => `${PUBLIC_URL}/acme/${path}`
const urn = (type: string) => `urn:ietf:params:acme:error:${type}`

type Here = TestInstallation & { profile: Profile; client: AcmeClient }

async function open(verifyAttestation?: MdmDeps['verifyAttestation']): Promise<Here> {
  const installation = await createTestInstallation(createMemoryPorts(), verifyAttestation === undefined ? {} : { verifyAttestation })
  const { code } = await installation.mdm.invite({ macId: 'mac', serial: 'C02AAA' })
  const profile = await installation.mac('C02AAA').fetchProfile(code)
  if (!('plist' in profile)) throw new Error('no profile')
  const client = await createAcmeClient(installation.mdm, PUBLIC_URL)
  await client.register()
  return { ...installation, profile, client }
}

const order = (here: Here, client = here.client) => client.post(url('new-order'), { identifiers: [identifierOf(here.profile)] })

async function challengeOf(here: Here, orderJson: Record<string, unknown>) {
  const authz = await here.client.post((orderJson.authorizations as string[])[0] ?? '', '')
  return (authz.json.challenges as { url: string; token: string; status: string }[])[0] ?? { url: '', token: '', status: '' }
}

async function attested(here: Here) {
  const keys = await newIdentityKey()
  const spki = Buffer.from(await crypto.subtle.exportKey('spki', keys.publicKey))
  const placed = await order(here)
  const challenge = await challengeOf(here, placed.json)
  const answer = await here.client.post(challenge.url, { attObj: spki.toString('base64url') })
  return { keys, spki, challenge, answer, location: placed.headers.location ?? '', finalize: String(placed.json.finalize) }
}

describe('every reply', () => {
  test('carries a fresh nonce, errors and the directory too', async () => {
    const { mdm } = await open()
    const ask = (method: string, path: string) => mdm.handleAcme({ method, path, headers: {}, body: new Uint8Array() })
    const replies = [
      await ask('GET', '/acme/directory'),
      await ask('HEAD', '/acme/new-nonce'),
      await ask('GET', '/acme/new-nonce'),
      await ask('GET', '/acme/nothing/at/all/here'),
      await ask('GET', '/acme/new-order'),
      await ask('POST', '/acme/new-order'),
    ]
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 204, 404, 405, 415])
    const nonces = replies.map(({ headers }) => headers['replay-nonce'])
    expect(new Set(nonces).size).toBe(replies.length)
    expect(nonces.every((nonce) => /^[\w-]{22}$/.test(nonce ?? ''))).toBe(true)
    expect(replies.slice(3).map(({ headers }) => headers['content-type'])).toEqual(Array(3).fill('application/problem+json'))
  })
})

test('a new account is refused with rateLimited when too many were made, and an account that stands is still heard', async () => {
  const ports = createMemoryPorts()
  const { mdm } = await createTestInstallation(ports)
  const known = await createAcmeClient(mdm, PUBLIC_URL)
  await known.register()
  ports.acme.createAccount = async () => undefined
  const refused = await (await createAcmeClient(mdm, PUBLIC_URL)).register()
  expect(refused).toMatchObject({ status: 429, json: { type: urn('rateLimited') }, headers: { 'retry-after': '60' } })
  expect((await known.post(url('new-order'), { identifiers: [] })).status).not.toBe(429)
})

describe('a signed request is refused when only', () => {
  test.each([
    ['its nonce was never issued', { nonce: 'AAAAAAAAAAAAAAAAAAAAAA' }, 'badNonce'],
    ['its url is another', { url: `${PUBLIC_URL}/acme/new-account` }, 'unauthorized'],
    ['its account is unknown', { kid: url('account/unknown') }, 'accountDoesNotExist'],
    ['its kid is of another server', { kid: 'https://elsewhere.example/acme/account/1' }, 'accountDoesNotExist'],
    ['its nonce is no word, and would fail a query', { nonce: 'AAAA\0' }, 'malformed'],
    ['its account is no word, and would fail a query', { kid: url('account/\0') }, 'accountDoesNotExist'],
    ['it has an extension that we do not know', { crit: ['x'], x: 1 }, 'malformed'],
    ['its algorithm is not offered', { alg: 'HS256' }, 'badSignatureAlgorithm'],
    ['it has no algorithm', { alg: 'none' }, 'badSignatureAlgorithm'],
  ])('%s', async (_, header, type) => {
    const here = await open()
    const answer = await here.client.post(url('new-order'), { identifiers: [identifierOf(here.profile)] }, { header })
    expect(answer).toMatchObject({ status: type === 'unauthorized' ? 403 : 400, json: { type: urn(type) } })
  })

  test('its nonce was used before', async () => {
    const here = await open()
    const nonce = await here.client.nonce()
    const send = () => here.client.post(url('new-order'), { identifiers: [identifierOf(here.profile)] }, { header: { nonce } })
    expect((await send()).status).toBe(201)
    expect(await send()).toMatchObject({ status: 400, json: { type: urn('badNonce') } })
  })

  test('its nonce is too old', async () => {
    const here = await open()
    const nonce = await here.client.nonce()
    here.advance(16 * 60_000)
    const answer = await here.client.post(url('new-order'), { identifiers: [identifierOf(here.profile)] }, { header: { nonce } })
    expect(answer.json.type).toBe(urn('badNonce'))
  })

  test('another key signed it in the name of an account', async () => {
    const here = await open()
    const stranger = await createAcmeClient(here.mdm, PUBLIC_URL)
    await stranger.register()
    const answer = await stranger.post(
      url('new-order'),
      { identifiers: [identifierOf(here.profile)] },
      { header: { kid: here.client.accountUrl() } },
    )
    expect(answer).toMatchObject({ status: 400, json: { type: urn('malformed'), detail: 'the signature is not valid' } })
  })

  test('it brings both a jwk and a kid, or the wrong one of them', async () => {
    const here = await open()
    const jwk = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }
    expect((await here.client.post(url('new-order'), {}, { header: { jwk } })).json.detail).toMatch(/exactly one/)
    expect((await here.client.post(url('new-account'), {})).json.detail).toMatch(/signed with "jwk"/)
  })

  test('an order is asked for by another account', async () => {
    const here = await open()
    const placed = await order(here)
    const stranger = await createAcmeClient(here.mdm, PUBLIC_URL)
    await stranger.register()
    expect((await here.client.post(placed.headers.location ?? '', '')).status).toBe(200)
    expect((await stranger.post(placed.headers.location ?? '', '')).status).toBe(404)
  })

  test('its signature is spelled in another way, with the same bytes', async () => {
    const { mdm } = await open()
    let isSpelledOtherwise = false
    // 64 bytes leave four bits of the last letter unused.
    const otherwise = (body: Uint8Array): Uint8Array =>
      new TextEncoder().encode(new TextDecoder().decode(body).replace(/[AQgw]"}$/, (end) => `${'BRhx'['AQgw'.indexOf(end[0] ?? '')]}"}`))
    const listening: typeof mdm = {
      ...mdm,
      handleAcme: (request) => mdm.handleAcme(isSpelledOtherwise ? { ...request, body: otherwise(request.body) } : request),
    }
    const client = await createAcmeClient(listening, PUBLIC_URL)
    expect((await client.register()).status).toBe(201)
    isSpelledOtherwise = true
    expect(await client.post(client.accountUrl(), '')).toMatchObject({
      status: 400,
      json: { detail: expect.stringContaining('base64url in its one form') },
    })
    isSpelledOtherwise = false
    expect((await client.post(client.accountUrl(), '')).status).toBe(200)
  })

  test('its body is too large or no flattened JWS', async () => {
    const { mdm } = await open()
    const headers = { 'content-type': 'application/jose+json' }
    const send = (body: string) =>
      mdm.handleAcme({ method: 'POST', path: '/acme/new-order', headers, body: new TextEncoder().encode(body) })
    expect((await send(`"${'x'.repeat(70_000)}"`)).status).toBe(413)
    expect((await send('nonsense')).status).toBe(400)
    expect((await send('{"protected":"e30","payload":"","signature":"","header":{}}')).status).toBe(400)
  })
})

describe('an account', () => {
  test('is its key: the same key gets the same account', async () => {
    const { client, mdm } = await open()
    const again = await client.register()
    expect(again.status).toBe(400) // signed with kid by now
    const fresh = await createAcmeClient(mdm, PUBLIC_URL)
    const unknown = await fresh.post(url('new-account'), { onlyReturnExisting: true })
    expect(unknown.json.type).toBe(urn('accountDoesNotExist'))
    const created = await fresh.post(url('new-account'), {})
    const found = await fresh.post(url('new-account'), { onlyReturnExisting: true })
    expect([created.status, found.status]).toEqual([201, 200])
    expect(found.headers.location).toBe(created.headers.location)
  })
})

describe('an order', () => {
  test('is the same when it is asked for again', async () => {
    const here = await open()
    expect((await order(here)).headers.location).toBe((await order(here)).headers.location)
  })

  test.each([
    ['an identifier that nobody was given', { identifiers: [{ type: 'permanent-identifier', value: 'guess' }] }, 'rejectedIdentifier'],
    ['the serial number itself', { identifiers: [{ type: 'permanent-identifier', value: 'C02AAA' }] }, 'rejectedIdentifier'],
    ['a host name', { identifiers: [{ type: 'dns', value: 'example.org' }] }, 'unsupportedIdentifier'],
    ['no identifier', { identifiers: [] }, 'malformed'],
  ])('is refused for %s', async (_, payload, type) => {
    const { client } = await open()
    expect(await client.post(url('new-order'), payload)).toMatchObject({ status: 400, json: { type: urn(type) } })
  })

  test('is refused for two identifiers, or with a validity of the client’s choice', async () => {
    const here = await open()
    const one = identifierOf(here.profile)
    expect((await here.client.post(url('new-order'), { identifiers: [one, one] })).json.type).toBe(urn('malformed'))
    const wish = { identifiers: [one], notAfter: '2099-01-01T00:00:00Z' }
    expect((await here.client.post(url('new-order'), wish)).json.type).toBe(urn('malformed'))
  })

  test('can be tried again after a refusal, but not for ever', async () => {
    const here = await open(async () => ({ ok: false, reasons: ['SIP_DISABLED'] }))
    for (let i = 0; i < 8; i++) {
      const placed = await order(here)
      expect(placed.status).toBe(201)
      await here.client.post((await challengeOf(here, placed.json)).url, { attObj: 'AAAA' })
    }
    expect((await order(here)).json.type).toBe(urn('rejectedIdentifier'))
  })

  test('is invalid after its hour', async () => {
    const here = await open()
    const { finalize, keys, location } = await attested(here)
    here.advance(3600_001)
    expect((await here.client.post(location, '')).json.status).toBe('invalid')
    const answer = await here.client.post(finalize, { csr: await newCsr(keys, here.profile.commonName) })
    expect(answer).toMatchObject({ status: 403, json: { type: urn('orderNotReady') } })
  })
})

describe('the challenge', () => {
  test('gives the judge the bytes, the token and the enrollment', async () => {
    const seen: Parameters<MdmDeps['verifyAttestation']>[0][] = []
    const here = await open(async (request) => {
      seen.push(request)
      return { ok: true, spki: request.attObj, evidenceDigest: new Uint8Array(32) }
    })
    const { spki, challenge, answer } = await attested(here)
    expect(answer.json.status).toBe('valid')
    expect(challenge.token).toMatch(/^[\w-]{43}$/)
    expect(seen).toEqual([
      { attObj: new Uint8Array(spki), token: challenge.token, enrollmentId: here.profile.commonName, purpose: 'enrollment' },
    ])
    // A lost reply: the second answer changes nothing.
    expect((await here.client.post(challenge.url, { attObj: 'AAAA' })).json.status).toBe('valid')
    expect(here.eventsNamed('onAcmeAttested')).toHaveLength(1)
  })

  test('tells every reason of a refusal, to the Mac and to us, and keeps the bytes', async () => {
    const here = await open(async () => ({ ok: false, reasons: ['SIP_DISABLED', 'BOOT_REDUCED'] }))
    const { answer, location, spki } = await attested(here)
    expect(answer).toMatchObject({ status: 400, json: { type: urn('badAttestationStatement') } })
    expect(answer.json.detail).toContain('SIP_DISABLED, BOOT_REDUCED')
    expect((answer.json.subproblems as { detail: string }[]).map(({ detail }) => detail)).toEqual(['SIP_DISABLED', 'BOOT_REDUCED'])
    expect((await here.client.post(location, '')).json).toMatchObject({
      status: 'invalid',
      error: { type: urn('badAttestationStatement') },
    })
    expect(here.eventsNamed('onAcmeRefused')).toMatchObject([{ reasons: ['SIP_DISABLED', 'BOOT_REDUCED'], attObj: new Uint8Array(spki) }])
  })

  test.each([
    ['{}', {}],
    ['an error of the Mac', { error: 'com.apple.x' }],
    ['no base64url', { attObj: 'AA==' }],
    ['nothing inside', { attObj: '' }],
  ])('refuses %s as no attestation', async (_, payload) => {
    const here = await open()
    const answer = await here.client.post((await challengeOf(here, (await order(here)).json)).url, payload)
    expect(answer).toMatchObject({ status: 400, json: { subproblems: [{ detail: 'NO_ATTESTATION' }] } })
  })

  test('stays pending when the judge or the listener fails, and can be answered again', async () => {
    const here = await open()
    here.on.onAcmeAttested = async () => {
      throw new Error('away')
    }
    const { answer, challenge, spki } = await attested(here)
    expect(answer).toMatchObject({ status: 500, json: { type: urn('serverInternal') } })
    expect(answer.headers['replay-nonce']).toBeDefined()
    delete here.on.onAcmeAttested
    expect((await here.client.post(challenge.url, { attObj: spki.toString('base64url') })).json.status).toBe('valid')
  })

  test('succeeds once for one ClientIdentifier, even with two orders open', async () => {
    const here = await open()
    const other = await createAcmeClient(here.mdm, PUBLIC_URL)
    await other.register()
    const second = await order(here, other)
    const authz = await other.post((second.json.authorizations as string[])[0] ?? '', '')
    await attested(here)
    const answer = await other.post((authz.json.challenges as { url: string }[])[0]?.url ?? '', { attObj: 'AAAA' })
    expect(answer.json.type).toBe(urn('rejectedIdentifier'))
  })

  test('is refused once a newer link replaced this one', async () => {
    const here = await open()
    const challenge = await challengeOf(here, (await order(here)).json)
    await here.mdm.invite({ macId: 'mac', serial: 'C02AAA' })
    expect((await here.client.post(challenge.url, { attObj: 'AAAA' })).json.type).toBe(urn('rejectedIdentifier'))
  })
})

describe('finalize', () => {
  test('issues for the attested key, and again the same', async () => {
    const here = await open()
    const { keys, finalize } = await attested(here)
    const csr = await newCsr(keys, here.profile.commonName)
    const first = await here.client.post(finalize, { csr })
    const second = await here.client.post(finalize, { csr })
    expect([first.json.status, second.json.status]).toEqual(['valid', 'valid'])
    const chain = await here.client.post(String(first.json.certificate), '')
    expect(chain.headers['content-type']).toBe('application/pem-certificate-chain')
    expect(chain.text.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
  })

  test('refuses another key than the attested one, and says so', async () => {
    const here = await open()
    const { finalize } = await attested(here)
    const answer = await here.client.post(finalize, { csr: await newCsr(await newIdentityKey(), here.profile.commonName) })
    expect(answer).toMatchObject({ status: 400, json: { type: urn('badCSR'), detail: 'CSR_KEY_MISMATCH' } })
    expect(here.eventsNamed('onAcmeRefused')).toMatchObject([{ reasons: ['CSR_KEY_MISMATCH'] }])
  })

  test('refuses another name, a broken signature, and what is no request', async () => {
    const here = await open()
    const { keys, finalize } = await attested(here)
    const detail = async (csr: unknown) => (await here.client.post(finalize, { csr })).json.detail
    expect(await detail(await newCsr(keys, 'somebody else'))).toBe('CSR_SUBJECT_MISMATCH')
    const damaged = Buffer.from(await newCsr(keys, here.profile.commonName), 'base64url')
    damaged[damaged.length - 1] = (damaged[damaged.length - 1] as number) ^ 1
    expect(await detail(damaged.toString('base64url'))).toBe('CSR_SIGNATURE_INVALID')
    expect(await detail(Buffer.concat([damaged, Buffer.of(0)]).toString('base64url'))).toBe('CSR_MALFORMED')
    expect(await detail('AAAA')).toBe('CSR_MALFORMED')
    expect(await detail('AA==')).toBe('csr is not base64url')
  })

  test('is refused before the attestation', async () => {
    const here = await open()
    const placed = await order(here)
    const answer = await here.client.post(String(placed.json.finalize), { csr: await newCsr(await newIdentityKey(), 'x') })
    expect(answer).toMatchObject({ status: 403, json: { type: urn('orderNotReady') } })
  })
})
