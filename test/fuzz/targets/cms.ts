import { execFileSync } from 'node:child_process'
import { KeyObject, webcrypto, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { issueIdentity } from '../../../mdm/acme/issue-identity.ts'
import { AdeFault } from '../../../mdm/ade/ade-fault.ts'
import { openMachineInfo } from '../../../mdm/ade/machine-info.ts'
import { openServerToken } from '../../../mdm/ade/server-token.ts'
import { createTokenKey } from '../../../mdm/ade/token-key.ts'
import { checkIssued } from '../../../mdm/cms/check-issued.ts'
import { verifyDetachedSignature } from '../../../mdm/cms/verify-signature.ts'
import { createDeviceCa } from '../../../mdm/issuer.ts'
import { signDetached } from '../../../mdm/testing/sign-detached.ts'
import { tokenFile } from '../../software-mac/apple/ade/token-file.ts'
import { createDeviceCa as createAppleDeviceCa, issueDeviceCertificate } from '../../software-mac/apple/device-ca.ts'
import { manufacture } from '../../software-mac/mac/device.ts'
import { openDeviceKey, signMachineInfo, spkiOf } from '../../software-mac/mac/machine-info.ts'
import { hold, type Input, one, same, type Target } from '../target.ts'

const NOW = new Date('2026-11-21T12:00:00Z')
const random = (length: number): Uint8Array => webcrypto.getRandomValues(new Uint8Array(length))
const MESSAGES = ['<plist version="1.0"><dict><key>UDID</key><string>A</string></dict></plist>', 'of another Mac', ''].map((text) =>
  new TextEncoder().encode(text),
)

export const cmsDetached: Target = {
  name: 'cms',
  about: 'Mdm-Signature: a signature is accepted over exactly the bytes that were signed, under exactly the certificates that were issued.',
  shape: 'der',
  maxBytes: 20 * 1024,
  open: async () => {
    const ca = await createDeviceCa({ organization: 'Fuzz', now: NOW })
    const identities = await Promise.all([identity(ca, 'P-384'), identity(ca, 'P-256'), identity(ca, 'RSA')])
    const signed: Input[] = []
    for (const one of identities) for (const content of MESSAGES) signed.push([await signDetached(content, one), content])
    for (const one of identities) for (const extra of [[], ['-noattr'], ['-md', 'sha512']]) signed.push(...signedByOpenssl(one, extra))
    const issued = identities.map(({ certificate }) => certificate)
    const run = ([cms = new Uint8Array(), content = new Uint8Array()]: Input): string => {
      const verdict = verifyDetachedSignature(cms, content)
      if (!verdict.ok) return `${verdict.code} ${verdict.detail.replace(/[\d.]+|'.*'|".*"/g, '…').slice(0, 60)}`
      const fault = checkIssued({ certificate: verdict.certificate, ca: ca.certificate, now: NOW })
      if (fault !== undefined) return `signed, ${fault}`
      hold(
        'only certificates that were issued pass as such',
        issued.some((known) => same(known, verdict.certificate)),
      )
      hold(
        'a signature holds over what was signed alone',
        MESSAGES.some((known) => same(known, content)),
      )
      return 'signed'
    }
    return { corpus: signed, run }
  },
}

type Identity = { certificate: Uint8Array; privateKey: webcrypto.CryptoKey }

async function identity(ca: Awaited<ReturnType<typeof createDeviceCa>>, kind: 'P-256' | 'P-384' | 'RSA'): Promise<Identity> {
  const rsa = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' }
  const keys =
    kind === 'RSA'
      ? await webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify'])
      : await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: kind }, true, ['sign', 'verify'])
  const spki = new Uint8Array(await webcrypto.subtle.exportKey('spki', keys.publicKey))
  const { pem } = await issueIdentity({ ca, spki, enrollmentId: `enr_${kind}`, serial: 'C02FUZZ', purpose: 'enrollment', now: NOW, random })
  return { certificate: new Uint8Array(new X509Certificate(pem).raw), privateKey: keys.privateKey }
}

/** Other shapes of the same: OpenSSL’s attributes, none, another digest. */
function signedByOpenssl({ certificate, privateKey }: Identity, extra: readonly string[]): Input[] {
  return inFolder((folder) => {
    const [cert, key, body] = ['cert.pem', 'key.pem', 'body'].map((name) => join(folder, name)) as [string, string, string]
    writeFileSync(cert, new X509Certificate(certificate).toString())
    writeFileSync(key, KeyObject.from(privateKey).export({ type: 'pkcs8', format: 'pem' }))
    return MESSAGES.map((content): Input => {
      writeFileSync(body, content)
      const args = ['cms', '-sign', '-binary', '-outform', 'DER', '-in', body, '-signer', cert, '-inkey', key, ...extra]
      return [new Uint8Array(execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] })), content]
    })
  })
}

function inFolder<Result>(act: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-fuzz-'))
  try {
    return act(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const cmsMachineInfo: Target = {
  name: 'cms-machine-info',
  about: 'The signed MachineInfo of a Mac in Setup Assistant: what is accepted is what a device signed.',
  shape: 'der',
  maxBytes: 36 * 1024,
  open: async () => {
    const ca = createAppleDeviceCa(NOW)
    const anchors = [new X509Certificate(ca.certificatePem)] as const
    const signed = inFolder((folder) => {
      const key = openDeviceKey(folder)
      return ['SFTMAC0000001', 'SFTMAC0000002'].map((serial) => {
        const certificate = issueDeviceCertificate({ ca, spki: spkiOf(key), serial, now: NOW })
        return signMachineInfo({ device: manufacture(serial), key, certificate, misbehaviour: {} as never, at: NOW })
      })
    })
    const infos = signed.map((cms) => infoOf(openMachineInfo(cms, anchors)))
    const run = ([cms = new Uint8Array()]: Input): string => {
      const opened = openMachineInfo(cms, anchors)
      if (!opened.ok) return `${opened.code} ${opened.detail.replace(/[\d.]+|'.*'|".*"/g, '…').slice(0, 60)}`
      hold('what is read is what a device signed', infos.includes(infoOf(opened)))
      return 'opened'
    }
    return { corpus: signed.map(one), run }
  },
}

const infoOf = (opened: ReturnType<typeof openMachineInfo>): string => (opened.ok ? JSON.stringify(opened.info) : '')

export const cmsServerToken: Target = {
  name: 'cms-server-token',
  about: 'The encrypted token file of Apple Business: it is refused with a fault of ours, or gives short words and a time to come.',
  shape: 'der',
  maxBytes: 70 * 1024,
  words: ['-----BEGIN MESSAGE-----', '-----END MESSAGE-----', '\r\n\r\n'],
  open: async () => {
    const key = await createTokenKey({ organization: 'Fuzz', now: NOW })
    const token = {
      consumer_key: 'CK_1',
      consumer_secret: 'CS_1',
      access_token: 'AT_1',
      access_secret: 'AS_1',
      access_token_expiry: '2027-11-21T12:00:00Z',
    }
    const mime = tokenFile(token, key.certificatePem)
    const body = Buffer.from(Buffer.from(mime).toString('latin1').split('\r\n\r\n')[1] ?? '', 'base64')
    const run = ([file = new Uint8Array()]: Input): string => {
      try {
        const { expiresAt, ...words } = openServerToken(file, key, NOW)
        hold(
          'words are short',
          Object.values(words).every((word) => word.length > 0 && word.length <= 512),
        )
        hold('the token is still good', expiresAt > NOW)
        return 'opened'
      } catch (error) {
        if (error instanceof AdeFault) return `${error.code} ${causeOf(error)}`
        throw error
      }
    }
    return { corpus: [one(new Uint8Array(body)), one(mime), ...envelopesOfOpenssl(key.certificatePem)], run }
  },
}

const causeOf = ({ cause }: Error): string => (cause instanceof Error ? cause.message.replace(/[\d.]+|'.*'|".*"/g, '…').slice(0, 60) : '')

function envelopesOfOpenssl(certificatePem: string): Input[] {
  return inFolder((folder) => {
    const cert = join(folder, 'cert.pem')
    const body = join(folder, 'body')
    writeFileSync(cert, certificatePem)
    writeFileSync(body, '-----BEGIN MESSAGE-----\n{}\n-----END MESSAGE-----\n')
    return ['-aes256', '-aes128', '-des3'].map((cipher) => {
      const out = join(folder, 'out')
      execFileSync('openssl', ['cms', '-encrypt', '-binary', '-outform', 'DER', cipher, '-in', body, '-out', out, cert], {
        stdio: 'ignore',
      })
      return one(new Uint8Array(readFileSync(out)))
    })
  })
}
