import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspectAttestation } from '../../../server/attestation/inspect.ts'
import { createCustomAnchors } from '../../../server/attestation/roots.ts'
import { readPushCertificate } from '../../../server/push/certificate.ts'
import { PushCertificateFault } from '../../../server/push/certificate-fault.ts'
import { decryptMail, makeMailKey } from '../../../server/push/mdmcert.ts'
import { readSignedRequest, signRequest } from '../../../server/push/signed-request.ts'
import { AT, createLaboratory, pem } from '../../conformance/mda/laboratory.ts'
import { envelope } from '../../software-mac/apple/cms-envelope.ts'
import { encodeCbor } from '../../software-mac/mac/cbor.ts'
import { createPushAuthority, rsaKey } from '../../support/push-certificates.ts'
import { bytesOf, hold, type Input, one, type Target } from '../target.ts'

/** What an administrator hands over: refused with a sentence, or read. `read` says in a word what came of it. */
const faultOf = (read: () => string): string => {
  try {
    return read()
  } catch (error) {
    if (error instanceof PushCertificateFault) return error.code
    throw error
  }
}

export const pushFiles: Target = {
  name: 'push-files',
  about: 'Push certificates in PEM, DER and PKCS#12: read with the key that belongs to them, or refused with a sentence, in bounded time.',
  shape: 'der',
  limitMs: 2000,
  words: ['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '-----BEGIN PRIVATE KEY-----', 'ENCRYPTED', '\n'],
  open: async () => {
    const { certificate, keyPem, pem: both } = createPushAuthority().issue()
    const known = createHash('sha256')
      .update(readPushCertificate(both, { now: new Date() }).certificate)
      .digest('hex')
    const corpus = [one(new Uint8Array(both)), one(bytesOf(certificate)), ...pkcs12({ certificate, keyPem })]
    const run = ([file = new Uint8Array()]: Input): string =>
      faultOf(() => {
        const read = readPushCertificate(file, { now: new Date(), password: 'secret', requestKey: rsaKey() })
        hold(
          'nothing passes but what was issued, or says itself who it is',
          read.sha256 === known || read.topic.startsWith('com.apple.mgmt'),
        )
        return `read ${read.sha256 === known}`
      })
    return { corpus, run }
  },
}

function pkcs12({ certificate, keyPem }: { certificate: string; keyPem: string }): Input[] {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-fuzz-'))
  try {
    const [cert, key, out] = ['cert.pem', 'key.pem', 'out.p12'].map((name) => join(folder, name)) as [string, string, string]
    writeFileSync(cert, certificate)
    writeFileSync(key, keyPem)
    return [
      ['-certpbe', 'AES-256-CBC', '-keypbe', 'AES-256-CBC'],
      ['-certpbe', 'PBE-SHA1-3DES', '-keypbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'],
      ['-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac'],
    ].map((args) => {
      execFileSync('openssl', ['pkcs12', '-export', '-in', cert, '-inkey', key, '-out', out, '-passout', 'pass:secret', ...args], {
        stdio: 'ignore',
      })
      return one(new Uint8Array(readFileSync(out)))
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const vendorFiles: Target = {
  name: 'vendor-files',
  about: 'Signed push requests, and the mails of mdmcert.download: no request but ours, no signature but the vendor’s.',
  shape: 'text',
  limitMs: 1000,
  words: ['<key>', '</key>', '<string>', '</string>', '-----BEGIN CERTIFICATE-----', 'PushCertRequestCSR', '===='],
  open: async () => {
    const vendor = createPushAuthority().issue()
    const csr = bytesOf('a certificate request, as far as signing goes')
    const signed = signRequest(csr, { chain: [new X509Certificate(vendor.certificate)], key: vendor.key })
    const mailKey = makeMailKey(new Date())
    const mail = envelope({ content: bytesOf(signed), certificate: mailKey.certificate, cipher: 'aes-256-cbc' })
    const run = ([file = new Uint8Array(), kind]: Input): string =>
      faultOf(() => {
        if (kind === undefined) return `request ${readSignedRequest(file, csr).vendorName.length}`
        return `mail ${decryptMail(file, mailKey).length > 0}`
      })
    const hex = bytesOf(Buffer.from(mail).toString('hex'))
    return {
      corpus: [one(bytesOf(signed)), one(new Uint8Array(Buffer.from(signed, 'base64'))), [mail, new Uint8Array()], [hex, new Uint8Array()]],
      run,
    }
  },
}

export const inspected: Target = {
  name: 'inspected-files',
  about: 'Files handed to “espalier attest inspect”: always a report; nothing is proven of what the authority has not made.',
  shape: 'text',
  words: ['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '-----BEGIN ', '\n', '{"attObj":"', '"}', 'bplist00', '<plist'],
  open: async () => {
    const laboratory = createLaboratory('fuzz')
    const anchors = createCustomAnchors(laboratory.root())
    const chain = laboratory.chain()
    const made = new Set([...chain, laboratory.root()].map((der) => createHash('sha256').update(der).digest('hex')))
    const object = encodeCbor({ fmt: 'apple', attStmt: { x5c: chain } })
    const corpus = [
      pem(chain),
      chain[0] as Uint8Array,
      object,
      bytesOf(JSON.stringify({ attObj: Buffer.from(object).toString('base64url') })),
    ]
    const run = ([file = new Uint8Array()]: Input): string => {
      const report = inspectAttestation(file, { anchors, at: AT })
      const text = JSON.stringify(report)
      hold('a report is short', text.length < 200_000)
      const proven = report.verdict === 'proven' ? report.certificates.map(({ sha256 }) => sha256) : []
      hold(
        'nothing is proven but what was made',
        proven.every((digest) => made.has(digest)),
      )
      return `${report.verdict} ${
        text
          .match(/"code":"\w+"/g)
          ?.slice(0, 6)
          .join() ?? ''
      }`
    }
    return { corpus: corpus.map(one), run }
  },
}
