import { createHash, createHmac, createPrivateKey, createPublicKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { p256 } from '@noble/curves/nist.js'

/**
 * Makes `server/protocol/statements.vectors.json` from fixed inputs, with none of the code under test. Signatures are deterministic
 * (RFC 6979). Run `node test/vectors/statements.ts` to write the file anew; a test in `server/protocol/statements.test.ts` fails
 * when the file is not what this makes.
 */
export type StatementVectors = {
  spki: string
  signed: { purpose: string; body: string; message: string; signature: string }[]
  bind: { ticket: string; ticketId: string; mac: string; session: string; nonce: string; proof: string }
  attestation: { mac: string; enrollmentId: string; issuedAt: number; random: string; preimage: string; nonce: string }
  canonical: { value: unknown; text: string }[]
}

const sha256 = (data: string | Buffer): Buffer => createHash('sha256').update(data).digest()
const SECRET_KEY = sha256('the agent key of the vectors')
const MAC = 'mac_0123456789abcdef'
const SESSION = 'ses_0123456789abcdef'

export function statementVectors(): StatementVectors {
  const spki = spkiOf(SECRET_KEY)
  return {
    spki: spki.toString('hex'),
    signed: [
      signed('challenge', '{"v":1}'),
      signed('heartbeat', ''),
      signed('key-config', '{"mac":"mac_0123456789abcdef","v":1}'),
      signed('bind', 'any bytes: \u0000\u0001'),
    ],
    bind: bind(spki),
    attestation: attestation(spki),
    canonical: [
      {
        value: { b: 1, a: [true, null, 'é\n'], '€': {}, A: -9007199254740991 },
        text: '{"A":-9007199254740991,"a":[true,null,"é\\n"],"b":1,"€":{}}',
      },
      // RFC 8785 §3.2.3: by UTF-16 code unit, so the surrogate pair sorts before U+FB33.
      { value: { '\ufb33': 1, '😀': 2, '\r': 3, '1': 4 }, text: '{"\\r":3,"1":4,"😀":2,"\ufb33":1}' },
    ],
  }
}

function statement(purpose: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`espalier/1 ${purpose}`), Buffer.of(0), body])
}

function signed(purpose: string, text: string): StatementVectors['signed'][number] {
  const body = Buffer.from(text)
  const message = statement(purpose, body)
  const signature = Buffer.from(p256.sign(message, SECRET_KEY, { prehash: true, lowS: false }))
  return { purpose, body: body.toString('hex'), message: message.toString('hex'), signature: signature.toString('hex') }
}

function lengthPrefixed(...parts: Buffer[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(8)
      length.writeBigUInt64BE(BigInt(part.length))
      return [length, part]
    }),
  )
}

function bind(spki: Buffer): StatementVectors['bind'] {
  const ticket = sha256('the ticket')
  const nonce = sha256('the session nonce')
  const body = lengthPrefixed(Buffer.from('tkt1'), Buffer.from(MAC), Buffer.from(SESSION), nonce, spki)
  const proof = createHmac('sha256', ticket).update(statement('bind', body)).digest('hex')
  return { ticket: ticket.toString('hex'), ticketId: 'tkt1', mac: MAC, session: SESSION, nonce: nonce.toString('hex'), proof }
}

function attestation(spki: Buffer): StatementVectors['attestation'] {
  const issuedAt = 1_800_000_000_000
  const random = sha256('the random part')
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(issuedAt))
  const preimage = statement('attestation-nonce', lengthPrefixed(Buffer.from(MAC), Buffer.from('enr1'), spki, time, random))
  return {
    mac: MAC,
    enrollmentId: 'enr1',
    issuedAt,
    random: random.toString('hex'),
    preimage: preimage.toString('hex'),
    nonce: sha256(preimage).toString('hex'),
  }
}

/** The SubjectPublicKeyInfo as OpenSSL writes it. */
function spkiOf(secretKey: Buffer): Buffer {
  const [x, y] = [1, 33].map((at) => Buffer.from(p256.getPublicKey(secretKey, false).subarray(at, at + 32)).toString('base64url'))
  const jwk = { kty: 'EC', crv: 'P-256', x: x as string, y: y as string, d: secretKey.toString('base64url') }
  return createPublicKey(createPrivateKey({ key: jwk, format: 'jwk' })).export({ type: 'spki', format: 'der' })
}

if (import.meta.main) {
  const file = fileURLToPath(new URL('../../server/protocol/statements.vectors.json', import.meta.url))
  writeFileSync(file, `${JSON.stringify(statementVectors(), null, 1)}\n`)
}
