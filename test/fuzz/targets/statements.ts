import { generateKeyPairSync, sign, webcrypto } from 'node:crypto'
import { readNoncePreimage } from '../../../server/attestation/nonce.ts'
import { readKeyAttestationClientData } from '../../../server/attestation/platform-sso.ts'
import { judgePublishedKey } from '../../../server/attestation/published-key.ts'
import { base64url, utf8 } from '../../../server/protocol/bytes.ts'
import { canonicalJson } from '../../../server/protocol/canonical.ts'
import { MacId, SessionId } from '../../../server/protocol/ids.ts'
import { openRevocationList, signRevocationList } from '../../../server/protocol/revocations.ts'
import {
  attestationNoncePreimage,
  Beat,
  keyAttestationClientData,
  openSigned,
  statement,
  Transcript,
} from '../../../server/protocol/statements.ts'
import { agentKey, claims, MAC } from '../../support/trust-evidence.ts'
import { hold, type Input, one, same, type Target } from '../target.ts'
import { isHoldable } from './ddm.ts'

const SESSION = SessionId.parse('ses_0123456789abcdefghjk')

export const preimages: Target = {
  name: 'nonce-preimages',
  about: 'Preimages of nonces and of key attestations: what is read is built again as exactly the same bytes.',
  shape: 'bytes',
  maxBytes: 2048,
  words: ['espalier/1 attestation-nonce', 'espalier/1 key-attestation', 'mac_', 'ses_'],
  open: async () => {
    const random = new Uint8Array(32).fill(7)
    const corpus = [
      attestationNoncePreimage({ mac: MAC, enrollmentId: 'enr_1', agentKey, issuedAt: 1_763_000_000_000, random }),
      attestationNoncePreimage({ mac: MAC, enrollmentId: '', agentKey: new Uint8Array(), issuedAt: 0, random: new Uint8Array() }),
      keyAttestationClientData({ mac: MAC, session: SESSION, nonce: random, agentKey }),
    ]
    return { corpus: corpus.map(one), run: readPreimage }
  },
}

function readPreimage([bytes = new Uint8Array()]: Input): string {
  const nonce = readNoncePreimage(bytes)
  const question = readKeyAttestationClientData(bytes)
  hold('bytes have one meaning', nonce === undefined || question === undefined)
  if (question !== undefined) hold('a question is built again', same(keyAttestationClientData(question), bytes))
  if (nonce === undefined) return question === undefined ? 'neither' : 'question'
  hold('its Mac is one', MacId.safeParse(nonce.mac).success && !Number.isNaN(nonce.issuedAt.getTime()))
  return `nonce ${nonce.agentKey.length} ${nonce.enrollmentId.length}`
}

/** What an agent signs, changed before it signs: it holds its key, and may say anything. */
export const signedWords: Target = {
  name: 'signed-words',
  about:
    'Signed transcripts, heartbeats and revocation lists: one canonical form, nothing that the database cannot hold, and no signature of nobody.',
  shape: 'text',
  words: ['{', '}', '"', ',', ':', 'null', '\\u0000', '\\ud800', '"__proto__":', '1e21', '-0', '1.0', ' ', '\uFEFF'],
  open: async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
    const log = generateKeyPairSync('ed25519')
    const logKey = new Uint8Array(log.publicKey.export({ type: 'spki', format: 'der' }))
    const list = { v: 1 as const, number: 7, issuedAt: 1, macs: ['ab'.repeat(32)], apiKeys: [] }
    const genuine = signRevocationList(log.privateKey, list)
    const transcript = { v: 1, session: SESSION, nonce: 'AAAA', at: 1, previous: null, claims }
    const beat = { v: 1, session: SESSION, sequence: 3, at: 5, available: true, active: 0, bootSession: 'boot-1' }
    const bodies = [canonicalJson(transcript as never), canonicalJson(beat), canonicalJson(list)].map(utf8)
    const run = ([body = new Uint8Array(), signature]: Input): string => {
      if (signature !== undefined) return readList(logKey, genuine, { body, signature })
      const words = (
        [
          ['challenge', Transcript],
          ['heartbeat', Beat],
        ] as const
      ).map(([purpose, schema]) => {
        const raw = sign('sha256', statement(purpose, body), { key: privateKey, dsaEncoding: 'ieee-p1363' })
        const opened = openSigned<unknown>({
          spki,
          purpose,
          signed: { body: base64url(body), signature: base64url(new Uint8Array(raw)) },
          schema,
        })
        if (!opened.ok) return opened.reason
        hold(
          'a signed word has one form',
          canonicalJson(opened.value as never) === new TextDecoder('utf-8', { ignoreBOM: true }).decode(body),
        )
        hold('PostgreSQL can hold a signed word', isHoldable(JSON.stringify(opened.value)))
        return 'opened'
      })
      return words.join(' ')
    }
    const signed: Input = [Buffer.from(genuine.list, 'base64url'), Buffer.from(genuine.signature, 'base64url')]
    return { corpus: [...bodies.map(one), signed], run }
  },
}

function readList(key: Uint8Array, genuine: { list: string }, { body, signature }: { body: Uint8Array; signature: Uint8Array }): string {
  const list = openRevocationList(key, { list: base64url(body), signature: base64url(signature) })
  hold('a list that nobody signed is not believed', list === undefined || base64url(body) === genuine.list)
  return list === undefined ? 'no list' : 'list'
}

export const publishedKeys: Target = {
  name: 'published-keys',
  about: 'Certificates from a keychain (CertificateList): none but the one that was asked for binds a key.',
  shape: 'der',
  maxBytes: 10 * 1024,
  open: async () => {
    const { X509CertificateGenerator } = await import('@peculiar/x509')
    const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
    const own = new Uint8Array(await webcrypto.subtle.exportKey('spki', keys.publicKey))
    const nonce = new Uint8Array(32).fill(9)
    const at = new Date('2026-11-21T12:00:00Z')
    const made = await X509CertificateGenerator.createSelfSigned({
      name: `CN=espalier ${Buffer.from(nonce).toString('hex')}`,
      notBefore: new Date(at.getTime() - 1000),
      notAfter: new Date(at.getTime() + 3600_000),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      keys,
    })
    const certificate = new Uint8Array(made.rawData)
    const run = ([der = new Uint8Array()]: Input): string => {
      const findings = judgePublishedKey(der, { agentKey: own, nonce, at })
      hold('only the certificate that was made binds', findings.length > 0 || same(der, certificate))
      return findings.map(({ code, detail }) => `${code} ${detail ?? ''}`).join(', ')
    }
    return { corpus: [one(certificate)], run }
  },
}
