import { generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { p256 } from '@noble/curves/nist.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type StatementVectors, statementVectors } from '../../test/vectors/statements.ts'
import { base64url, concat, fromHex, hex, utf8 } from './bytes.ts'
import { MacId, SessionId } from './ids.ts'
import {
  attestationNonce,
  attestationNoncePreimage,
  bindProof,
  openKeyConfig,
  openSigned,
  type Purpose,
  p256Point,
  type Signer,
  signCanonical,
  statement,
  verifyStatement,
} from './statements.ts'

const PURPOSES: Purpose[] = ['challenge', 'heartbeat', 'key-config', 'bind', 'attestation-nonce']
const bytes = (text: string): Uint8Array => fromHex(text) as Uint8Array

function newSigner(curve = 'P-256'): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve })
  return {
    publicKey: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    sign: async (message) => new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  }
}
const signer = newSigner()

describe('a signed statement', () => {
  const body = utf8('body')

  test('verifies for its purpose, body and key', async () => {
    for (const purpose of PURPOSES) {
      const signature = await signer.sign(statement(purpose, body))
      expect(verifyStatement({ spki: signer.publicKey, purpose, body, signature })).toBe(true)
    }
  })

  test('never verifies for another purpose', async () => {
    for (const purpose of PURPOSES) {
      const signature = await signer.sign(statement(purpose, body))
      for (const other of PURPOSES.filter((candidate) => candidate !== purpose)) {
        expect(verifyStatement({ spki: signer.publicKey, purpose: other, body, signature })).toBe(false)
      }
    }
  })

  test('cannot be read as another purpose’s, whatever the bodies: no two statements have the same bytes', () => {
    const any = fc.record({ purpose: fc.constantFrom(...PURPOSES), body: fc.uint8Array({ maxLength: 40 }) })
    fc.assert(
      fc.property(any, any, (a, b) => {
        const isSame = a.purpose === b.purpose && hex(a.body) === hex(b.body)
        expect(hex(statement(a.purpose, a.body)) === hex(statement(b.purpose, b.body))).toBe(isSame)
      }),
    )
  })

  test('does not verify under another key, for another body, or with any bit of the signature flipped', async () => {
    const signature = await signer.sign(statement('challenge', body))
    const verify = (changes: Partial<Parameters<typeof verifyStatement>[0]>) =>
      verifyStatement({ spki: signer.publicKey, purpose: 'challenge', body, signature, ...changes })
    expect(verify({ spki: newSigner().publicKey })).toBe(false)
    expect(verify({ body: utf8('Body') })).toBe(false)
    for (let bit = 0; bit < 512; bit += 37) {
      const flipped = signature.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(verify({ signature: flipped })).toBe(false)
    }
  })

  test('with a malformed signature is false, never a throw', () => {
    const verify = (signature: Uint8Array) => verifyStatement({ spki: signer.publicKey, purpose: 'challenge', body, signature })
    for (const signature of [
      new Uint8Array(0),
      new Uint8Array(64),
      new Uint8Array(64).fill(0xff),
      new Uint8Array(63),
      new Uint8Array(72),
    ]) {
      expect(verify(signature)).toBe(false)
    }
  })

  test('is accepted with high S, as a Secure Enclave may make it', async () => {
    const signature = await signer.sign(statement('challenge', body))
    const s = BigInt(`0x${hex(signature.subarray(32))}`)
    const otherS = bytes((p256.Point.CURVE().n - s).toString(16).padStart(64, '0'))
    const mirrored = concat(signature.subarray(0, 32), otherS)
    expect(verifyStatement({ spki: signer.publicKey, purpose: 'challenge', body, signature: mirrored })).toBe(true)
  })
})

describe('p256Point', () => {
  test('takes the uncompressed P-256 key and nothing else', () => {
    const spki = signer.publicKey
    expect(p256Point(spki)).toHaveLength(65)
    expect(p256Point(newSigner('P-384').publicKey)).toBeUndefined()
    expect(p256Point(newSigner('secp256k1').publicKey)).toBeUndefined()
    expect(p256Point(concat(spki, Uint8Array.of(0)))).toBeUndefined()
    expect(p256Point(spki.subarray(0, -1))).toBeUndefined()
    expect(p256Point(new Uint8Array())).toBeUndefined()
  })

  test('refuses a point off the curve, the point at infinity and another form', () => {
    const spoil = (at: number, value: number) => {
      const spki = signer.publicKey.slice()
      spki[at] = value
      return spki
    }
    const last = signer.publicKey.length - 1
    expect(p256Point(spoil(last, (signer.publicKey[last] as number) ^ 1))).toBeUndefined()
    expect(p256Point(signer.publicKey.slice().fill(0, 27))).toBeUndefined()
    for (const form of [0, 2, 3, 5, 6, 7]) expect(p256Point(spoil(26, form))).toBeUndefined()
  })

  test('does not alias the bytes that it was given', () => {
    const spki = signer.publicKey.slice()
    const point = p256Point(spki)
    spki.fill(0)
    expect(hex(point as Uint8Array)).toBe(hex(signer.publicKey.subarray(26)))
  })
})

describe('openSigned', () => {
  const schema = z.strictObject({ a: z.number(), b: z.string() })
  const open = (signed: { body: string; signature: string }) => openSigned({ spki: signer.publicKey, purpose: 'challenge', signed, schema })

  async function signText(text: string | Uint8Array): Promise<{ body: string; signature: string }> {
    const body = typeof text === 'string' ? utf8(text) : text
    return { body: base64url(body), signature: base64url(await signer.sign(statement('challenge', body))) }
  }

  test('gives the value and the digest of the very bytes', async () => {
    const opened = open(await signCanonical(signer, 'challenge', { b: 'x', a: 1 }))
    expect(opened).toMatchObject({ ok: true, value: { a: 1, b: 'x' } })
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from('{"a":1,"b":"x"}'))).toString('hex')
    expect(opened.ok && opened.digest).toBe(digest)
  })

  test.each([
    '{"b":"x","a":1}',
    '{"a":1, "b":"x"}',
    '{"a":1.0,"b":"x"}',
    '{"a":1e0,"b":"x"}',
    '{"a":1,"a":1,"b":"x"}',
    '{"a":1,"b":"\\u0078"}',
    ' {"a":1,"b":"x"}',
  ])('refuses %s: signed, well-formed, and not canonical', async (text) => {
    expect(open(await signText(text))).toEqual({ ok: false, reason: 'not_canonical' })
  })

  test.each(['{"a":1}', '{"a":1,"b":"x","c":2}', '{"a":"1","b":"x"}', '[]', 'null', '', '{"a":1,"b":"x"}x'])(
    'refuses %j: signed and malformed',
    async (text) => {
      expect(open(await signText(text))).toEqual({ ok: false, reason: 'malformed' })
    },
  )

  test('refuses a text with NUL, which no database holds', async () => {
    expect(open(await signCanonical(signer, 'challenge', { a: 1, b: '\0' }))).toEqual({ ok: false, reason: 'malformed' })
  })

  test('refuses what is not UTF-8, with a byte order mark, or not base64url', async () => {
    expect(open(await signText(concat(utf8('{"a":1,"b":"'), Uint8Array.of(0xff), utf8('"}'))))).toEqual({ ok: false, reason: 'malformed' })
    expect(open(await signText('\ufeff{"a":1,"b":"x"}')).ok).toBe(false)
    const signed = await signText('{"a":1,"b":"x"}')
    expect(open({ ...signed, body: `${signed.body}=` })).toEqual({ ok: false, reason: 'malformed' })
    expect(open({ ...signed, signature: `${signed.signature}=` })).toEqual({ ok: false, reason: 'malformed' })
  })

  test('verifies before it parses: unsigned rubbish is a bad signature', () => {
    expect(open({ body: base64url(utf8('rubbish')), signature: base64url(new Uint8Array(64)) })).toEqual({
      ok: false,
      reason: 'bad_signature',
    })
  })

  test('refuses what was signed for another purpose', async () => {
    expect(open(await signCanonical(signer, 'heartbeat', { a: 1, b: 'x' }))).toEqual({ ok: false, reason: 'bad_signature' })
  })
})

describe('openKeyConfig', () => {
  const config = {
    v: 1,
    suite: 'x25519-hkdf-sha256-aes256gcm',
    publicKey: base64url(new Uint8Array(32)),
    notBefore: 1,
    notAfter: 2,
    mac: 'mac_0123456789abcdef',
    evidenceDigest: 'ee'.repeat(32),
    build: 'b',
  }
  const open = async (value: Record<string, string | number>) => {
    const { body, signature } = await signCanonical(signer, 'key-config', value)
    return openKeyConfig(signer.publicKey, { config: body, signature })
  }

  test('opens a configuration', async () => {
    expect(await open(config)).toMatchObject({ ok: true, value: config })
  })

  test.each([{ v: 2 }, { suite: 'x-wing' }, { mac: 'ses_0123456789abcdef' }, { evidenceDigest: 'EE'.repeat(32) }, { more: 1 }])(
    'refuses an unknown version, suite, form or member: %j',
    async (change) => {
      expect(await open({ ...config, ...change } as Record<string, string | number>)).toEqual({ ok: false, reason: 'malformed' })
    },
  )
})

describe('bindProof', () => {
  const base = {
    ticket: new Uint8Array(32).fill(7),
    ticketId: 'tkt1',
    mac: MacId.parse('mac_0123456789abcdef'),
    session: SessionId.parse('ses_0123456789abcdef'),
    nonce: new Uint8Array(32),
    agentKey: signer.publicKey,
  }

  test('depends on every one of its parts', () => {
    const changes: Partial<typeof base>[] = [
      { ticket: new Uint8Array(32) },
      { ticketId: 'tkt2' },
      { mac: MacId.parse('mac_1123456789abcdef') },
      { session: SessionId.parse('ses_1123456789abcdef') },
      { nonce: new Uint8Array(31) },
      { agentKey: newSigner().publicKey },
    ]
    const proofs = [base, ...changes.map((change) => ({ ...base, ...change }))].map((parts) => hex(bindProof(parts)))
    expect(new Set(proofs).size).toBe(proofs.length)
  })

  test('cannot be moved by shifting bytes between neighbouring parts', () => {
    const shifted = { ...base, nonce: base.nonce.subarray(1), agentKey: concat(Uint8Array.of(0), base.agentKey) }
    expect(hex(bindProof(shifted))).not.toBe(hex(bindProof(base)))
  })
})

describe('the vectors', () => {
  const vectors: StatementVectors = JSON.parse(readFileSync(new URL('statements.vectors.json', import.meta.url), 'utf8'))
  const agentKey = bytes(vectors.spki)

  test('are what the generator makes', () => {
    expect(JSON.parse(JSON.stringify(statementVectors()))).toEqual(vectors)
  })

  test('signatures', () => {
    for (const { purpose, body, message, signature } of vectors.signed) {
      expect(hex(statement(purpose as Purpose, bytes(body)))).toBe(message)
      expect(verifyStatement({ spki: agentKey, purpose: purpose as Purpose, body: bytes(body), signature: bytes(signature) })).toBe(true)
    }
  })

  test('proof of a ticket', () => {
    const { ticket, nonce, proof, mac, session, ticketId } = vectors.bind
    const parts = {
      ticket: bytes(ticket),
      nonce: bytes(nonce),
      ticketId,
      agentKey,
      mac: MacId.parse(mac),
      session: SessionId.parse(session),
    }
    expect(hex(bindProof(parts))).toBe(proof)
  })

  test('attestation nonce', () => {
    const { mac, enrollmentId, issuedAt, random, preimage, nonce } = vectors.attestation
    const made = attestationNoncePreimage({ mac: MacId.parse(mac), enrollmentId, agentKey, issuedAt, random: bytes(random) })
    expect(hex(made)).toBe(preimage)
    expect(hex(attestationNonce(made))).toBe(nonce)
  })
})
