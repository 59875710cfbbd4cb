import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Made = { pem: string; keyPem: string; der: Uint8Array }

/** A CA, a server and a client of it, and a client of nobody, made by openssl. */
export function makeTestCertificates(): { ca: Made; server: Made; client: Made; stranger: Made } {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
  const at = (name: string): string => join(folder, name)
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  try {
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca', '-days', '2')
    openssl('req', '-x509', ...key, '-keyout', 'stranger.key', '-out', 'stranger.pem', '-subj', '/CN=stranger', '-days', '2')
    for (const name of ['server', 'client']) {
      openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
      writeFileSync(at(`${name}.ext`), `extendedKeyUsage=${name}Auth\nsubjectAltName=IP:127.0.0.1\n`)
      const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`]
      openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signing)
    }
    const read = (name: string): Made => {
      const pem = readFileSync(at(`${name}.pem`), 'utf8')
      return { pem, keyPem: readFileSync(at(`${name}.key`), 'utf8'), der: new Uint8Array(new X509Certificate(pem).raw) }
    }
    return { ca: read('ca'), server: read('server'), client: read('client'), stranger: read('stranger') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
