import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { AEAD_AES_128_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke'
import { describe, expect, test } from 'vitest'
import { type SealingVector, sealingVectors } from '../../test/vectors/sealing.ts'
import { fromHex, hex, utf8 } from './bytes.ts'
import { generateSealingKeyPair, openRequestWith, type Received, SealingError, type SealingKeyPair, sealRequestTo } from './sealing.ts'
import { createResponseOpener, createResponseSealer } from './sealing-response.ts'

const DIGEST = 'ab'.repeat(32)
const OTHER_DIGEST = 'cd'.repeat(32)
const key = await generateSealingKeyPair()

const bytes = (text: string): Uint8Array => {
  const value = fromHex(text)
  if (value === undefined) throw new TypeError('not hex')
  return value
}

const chunksArbitrary = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 6 })

type SealedRequest = { enc: Uint8Array; chunks: Received[] }

async function sealAll(plaintexts: Uint8Array[], to: SealingKeyPair = key): Promise<SealedRequest> {
  const sealer = await sealRequestTo({ publicKey: to.publicKey, digest: DIGEST })
  const chunks = await Promise.all(
    plaintexts.map(async (plaintext, sequence) => {
      const final = sequence === plaintexts.length - 1
      return { sequence, final, ciphertext: await sealer.seal(plaintext, final) }
    }),
  )
  return { enc: sealer.enc, chunks }
}

/** What was opened before the end or the first refusal, and the refusal's code. */
async function openAll(sealed: SealedRequest, digest = DIGEST, by = key): Promise<{ opened: Uint8Array[]; refused?: string }> {
  const opened: Uint8Array[] = []
  try {
    const opener = await openRequestWith(by, { digest, enc: sealed.enc })
    for (const chunk of sealed.chunks) opened.push(await opener.open(chunk))
    opener.end()
    return { opened }
  } catch (error) {
    if (!(error instanceof SealingError)) throw error
    return { opened, refused: error.code }
  }
}

async function exchange(): Promise<{
  respond: (plaintexts: Uint8Array[]) => Received[]
  read: (chunks: Received[]) => { opened: Uint8Array[]; refused?: string }
}> {
  const sealer = await sealRequestTo({ publicKey: key.publicKey, digest: DIGEST })
  const opener = await openRequestWith(key, { digest: DIGEST, enc: sealer.enc })
  await opener.open({ sequence: 0, final: true, ciphertext: await sealer.seal(utf8('q'), true) })
  return {
    respond(plaintexts) {
      const response = opener.sealResponse()
      return plaintexts.map((plaintext, sequence) => {
        const final = sequence === plaintexts.length - 1
        return { sequence, final, ciphertext: response.seal(plaintext, final) }
      })
    },
    read(chunks) {
      const opened: Uint8Array[] = []
      const response = sealer.openResponse()
      try {
        for (const chunk of chunks) opened.push(response.open(chunk))
        response.end()
        return { opened }
      } catch (error) {
        if (!(error instanceof SealingError)) throw error
        return { opened, refused: error.code }
      }
    },
  }
}

/** Every way in which one chunk of a message can be tampered with without knowing a key. */
type Tampering = {
  kind: 'flip' | 'drop' | 'swap' | 'duplicate' | 'shorten' | 'refinal'
  at: number
  bit: number
  /** Whether the attacker also renumbers the chunks, so that the sequence in the clear looks right. */
  renumbered: boolean
}

const tampering: fc.Arbitrary<Tampering> = fc.record({
  kind: fc.constantFrom('flip', 'drop', 'swap', 'duplicate', 'shorten', 'refinal'),
  at: fc.nat(),
  bit: fc.nat(),
  renumbered: fc.boolean(),
})

function tamper(chunks: readonly Received[], { kind, at, bit, renumbered }: Tampering): Received[] {
  const result: Received[] = chunks.map((chunk) => ({ ...chunk, ciphertext: chunk.ciphertext.slice() }))
  const i = at % result.length
  const chunk = result[i] as Received
  if (kind === 'flip') flip(chunk.ciphertext, bit)
  if (kind === 'drop') result.splice(i, 1)
  if (kind === 'swap') result.splice(i, 2, ...result.slice(i, i + 2).reverse())
  if (kind === 'duplicate') result.splice(i, 0, { ...chunk })
  if (kind === 'shorten') chunk.ciphertext = chunk.ciphertext.subarray(0, bit % chunk.ciphertext.length)
  if (kind === 'refinal') chunk.final = !chunk.final
  return renumbered ? result.map((moved, sequence) => ({ ...moved, sequence })) : result
}

function flip(ciphertext: Uint8Array, bit: number): void {
  const index = (bit >> 3) % ciphertext.length
  ciphertext[index] = (ciphertext[index] as number) ^ (1 << (bit & 7))
}

describe('a sealed request', () => {
  test('opens to what was sealed, however it was chunked', async () => {
    await fc.assert(
      fc.asyncProperty(chunksArbitrary, async (plaintexts) => {
        expect(await openAll(await sealAll(plaintexts))).toEqual({ opened: plaintexts })
      }),
      { numRuns: 40 },
    )
  })

  test('refuses every flipped bit, dropped, swapped, duplicated, shortened or re-flagged chunk', async () => {
    await fc.assert(
      fc.asyncProperty(chunksArbitrary, tampering, async (plaintexts, attack) => {
        const sealed = await sealAll(plaintexts)
        fc.pre(!(attack.kind === 'swap' && attack.at % plaintexts.length === plaintexts.length - 1))
        const { opened, refused } = await openAll({ ...sealed, chunks: tamper(sealed.chunks, attack) })
        expect(refused).toBeDefined()
        // What came before the tampering is a prefix of the truth, never anything else.
        expect(plaintexts.slice(0, opened.length)).toEqual(opened)
      }),
      { numRuns: 150 },
    )
  })

  test('refuses every single flipped bit of a short chunk', async () => {
    const sealed = await sealAll([utf8('hi')])
    const chunk = sealed.chunks[0] as Received
    for (let bit = 0; bit < chunk.ciphertext.length * 8; bit++) {
      const flipped = tamper([chunk], { kind: 'flip', at: 0, bit, renumbered: false })
      expect(await openAll({ ...sealed, chunks: flipped })).toEqual({ opened: [], refused: 'open_failed' })
    }
  })

  test('refuses a chunk spliced in from another request to the same key', async () => {
    const [one, other] = await Promise.all([sealAll([utf8('a'), utf8('b')]), sealAll([utf8('a'), utf8('b')])])
    const spliced = [one.chunks[0] as Received, other.chunks[1] as Received]
    expect(await openAll({ ...one, chunks: spliced })).toEqual({ opened: [utf8('a')], refused: 'open_failed' })
  })

  test('refuses when the digest of the key configuration differs', async () => {
    expect(await openAll(await sealAll([utf8('x')]), OTHER_DIGEST)).toEqual({ opened: [], refused: 'open_failed' })
  })

  test('refuses when the encapsulated key differs, is short, or is of low order', async () => {
    const sealed = await sealAll([utf8('x')])
    const other = await sealAll([utf8('x')])
    expect(await openAll({ ...sealed, enc: other.enc })).toMatchObject({ refused: 'open_failed' })
    expect(await openAll({ ...sealed, enc: sealed.enc.subarray(1) })).toMatchObject({ refused: 'open_failed' })
    expect(await openAll({ ...sealed, enc: new Uint8Array(32) })).toMatchObject({ refused: 'open_failed' })
  })

  test('is not opened by another key', async () => {
    expect(await openAll(await sealAll([utf8('x')]), DIGEST, await generateSealingKeyPair())).toEqual({
      opened: [],
      refused: 'open_failed',
    })
  })

  test('names each refusal', async () => {
    const sealed = await sealAll([utf8('a'), utf8('b'), utf8('c')])
    const [a, b, c] = sealed.chunks as [Received, Received, Received]
    const refusalOf = async (chunks: Received[]) => (await openAll({ ...sealed, chunks })).refused
    expect(await refusalOf([a, b])).toBe('truncated')
    expect(await refusalOf([])).toBe('truncated')
    expect(await refusalOf([a, c])).toBe('out_of_order')
    expect(await refusalOf([a, a])).toBe('out_of_order')
    expect(await refusalOf([a, { ...c, sequence: 1 }])).toBe('open_failed')
    expect(await refusalOf([a, { ...b, final: true }])).toBe('open_failed')
    expect(await refusalOf([a, b, c, c])).toBe('after_final')
  })

  test('leaves a dead opener: after one refusal the right chunk is refused too', async () => {
    const sealed = await sealAll([utf8('a'), utf8('b')])
    const opener = await openRequestWith(key, { digest: DIGEST, enc: sealed.enc })
    await expect(opener.open(sealed.chunks[1] as Received)).rejects.toMatchObject({ code: 'out_of_order' })
    await expect(opener.open(sealed.chunks[0] as Received)).rejects.toMatchObject({ code: 'out_of_order' })
    expect(() => opener.end()).toThrow('out_of_order')
    expect(() => opener.sealResponse()).toThrow('out_of_order')
  })

  test('cannot be answered before its final chunk was opened', async () => {
    const sealed = await sealAll([utf8('a'), utf8('b')])
    const opener = await openRequestWith(key, { digest: DIGEST, enc: sealed.enc })
    await opener.open(sealed.chunks[0] as Received)
    expect(() => opener.sealResponse()).toThrow('truncated')
  })

  test('does not count a final chunk that is still being opened', async () => {
    const sealed = await sealAll([utf8('a')])
    const opener = await openRequestWith(key, { digest: DIGEST, enc: sealed.enc })
    const opening = opener.open(sealed.chunks[0] as Received)
    expect(() => opener.end()).toThrow('truncated')
    await opening
  })

  test('cannot be continued after its final chunk', async () => {
    const sealer = await sealRequestTo({ publicKey: key.publicKey, digest: DIGEST })
    await sealer.seal(utf8('a'), true)
    await expect(sealer.seal(utf8('b'), false)).rejects.toMatchObject({ code: 'after_final' })
  })

  test('is refused at once for an unusable public key or digest', async () => {
    const seal = (publicKey: Uint8Array, digest: string) => sealRequestTo({ publicKey, digest })
    await expect(seal(new Uint8Array(32), DIGEST)).rejects.toMatchObject({ code: 'malformed' })
    await expect(seal(key.publicKey.subarray(1), DIGEST)).rejects.toMatchObject({ code: 'malformed' })
    await expect(seal(key.publicKey, DIGEST.slice(2))).rejects.toMatchObject({ code: 'malformed' })
    await expect(seal(key.publicKey, DIGEST.toUpperCase())).rejects.toMatchObject({ code: 'malformed' })
  })

  test('has a new encapsulated key every time', async () => {
    const [one, other] = await Promise.all([sealAll([utf8('x')]), sealAll([utf8('x')])])
    expect(hex(one.enc)).not.toBe(hex(other.enc))
  })
})

describe('a sealed response', () => {
  test('opens to what was sealed, however it was chunked', async () => {
    const { respond, read } = await exchange()
    fc.assert(
      fc.property(chunksArbitrary, (plaintexts) => {
        expect(read(respond(plaintexts))).toEqual({ opened: plaintexts })
      }),
    )
  })

  test('refuses every flipped bit, dropped, swapped, duplicated, shortened or re-flagged chunk', async () => {
    const { respond, read } = await exchange()
    fc.assert(
      fc.property(chunksArbitrary, tampering, (plaintexts, attack) => {
        fc.pre(!(attack.kind === 'swap' && attack.at % plaintexts.length === plaintexts.length - 1))
        const { opened, refused } = read(tamper(respond(plaintexts), attack))
        expect(refused).toBeDefined()
        expect(plaintexts.slice(0, opened.length)).toEqual(opened)
      }),
      { numRuns: 400 },
    )
  })

  test('refuses a chunk of another response, to another request or to the same one', async () => {
    const [one, other] = await Promise.all([exchange(), exchange()])
    const [first, second] = one.respond([utf8('a'), utf8('b')]) as [Received, Received]
    for (const foreign of [other, one]) {
      const [foreignFirst, foreignSecond] = foreign.respond([utf8('a'), utf8('b')]) as [Received, Received]
      expect(one.read([first, foreignSecond])).toEqual({ opened: [utf8('a')], refused: 'open_failed' })
      if (foreign === other) expect(one.read([foreignFirst, second])).toEqual({ opened: [], refused: 'open_failed' })
    }
  })

  test('refuses a request chunk sent back as a response, whatever its place', async () => {
    const sealer = await sealRequestTo({ publicKey: key.publicKey, digest: DIGEST })
    const ciphertext = await sealer.seal(utf8('q'.repeat(64)), true)
    expect(() => sealer.openResponse().open({ sequence: 0, final: true, ciphertext })).toThrow('open_failed')
  })

  test('names each refusal', async () => {
    const { respond, read } = await exchange()
    const [a, b, c] = respond([utf8('a'), utf8('b'), utf8('c')]) as [Received, Received, Received]
    expect(read([a, b]).refused).toBe('truncated')
    expect(read([]).refused).toBe('truncated')
    expect(read([a, c]).refused).toBe('out_of_order')
    expect(read([a, b, c, c]).refused).toBe('after_final')
    expect(read([a, { ...b, ciphertext: b.ciphertext.subarray(0, 15) }]).refused).toBe('malformed')
    expect(read([{ ...a, ciphertext: a.ciphertext.subarray(0, 31) }]).refused).toBe('malformed')
    expect(read([a, { ...b, final: true }]).refused).toBe('open_failed')
  })
})

describe('the vectors', () => {
  const vectors: SealingVector[] = JSON.parse(readFileSync(new URL('sealing.vectors.json', import.meta.url), 'utf8'))
  const hpke = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_128_GCM)

  async function keyPair(privateKey: string, publicKey: string): Promise<SealingKeyPair> {
    const pair = {
      privateKey: await hpke.DeserializePrivateKey(bytes(privateKey), false),
      publicKey: await hpke.DeserializePublicKey(bytes(publicKey)),
    }
    return { publicKey: bytes(publicKey), privateKey: pair }
  }

  test('are what the generator makes', async () => {
    expect(vectors).toEqual(await sealingVectors())
  })

  test.each(vectors)('request: $name', async (vector) => {
    const recipient = await keyPair(vector.privateKey, vector.publicKey)
    const opener = await openRequestWith(recipient, { digest: vector.digest, enc: bytes(vector.enc) })
    for (const [sequence, { plaintext, final, ciphertext }] of vector.request.entries()) {
      expect(hex(await opener.open({ sequence, final, ciphertext: bytes(ciphertext) }))).toBe(plaintext)
    }
    opener.end()
  })

  test.each(vectors)('response: $name', (vector) => {
    const secret = { secret: bytes(vector.exportedSecret), enc: bytes(vector.enc) }
    const sealer = createResponseSealer(secret, bytes(vector.responseNonce))
    const opener = createResponseOpener(secret)
    for (const [sequence, { plaintext, final, ciphertext }] of vector.response.entries()) {
      expect(hex(sealer.seal(bytes(plaintext), final))).toBe(ciphertext)
      expect(hex(opener.open({ sequence, final, ciphertext: bytes(ciphertext) }))).toBe(plaintext)
    }
    opener.end()
  })

  // RFC 9180 prints none for X25519 with AES-256-GCM; A.1.1 covers the KEM, the key schedule and the exporter with AES-128-GCM.
  test('RFC 9180 A.1.1 opens, and exports the printed secrets', async () => {
    const { privateKey } = await keyPair(
      '4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8',
      '3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d',
    )
    const enc = bytes('37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431')
    const context = await hpke.SetupRecipient(privateKey, enc, { info: utf8('Ode on a Grecian Urn') })
    const ciphertexts = [
      'f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a',
      'af2d7e9ac9ae7e270f46ba1f975be53c09f8d875bdc8535458c2494e8a6eab251c03d0c22a56b8ca42c2063b84',
      '498dfcabd92e8acedc281e85af1cb4e3e31c7dc394a1ca20e173cb72516491588d96a19ad4a683518973dcc180',
    ]
    for (const [i, ciphertext] of ciphertexts.entries()) {
      expect(await context.Open(bytes(ciphertext), utf8(`Count-${i}`))).toEqual(utf8('Beauty is truth, truth beauty'))
    }
    expect(hex(await context.Export(utf8('TestContext'), 32))).toBe('e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931')
  })
})
