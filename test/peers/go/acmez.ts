import { readSignedProfile } from '../../../mdm/testing/test-mac.ts'
import { startIdentityHost } from '../support/identity-host.ts'
import { runProgram, type Seen } from './peer.ts'

/** What `acmez/main.go` must say. */
const EXPECTED: Readonly<Record<string, string | boolean>> = {
  account: 'valid',
  serialRefused: 'rejectedIdentifier',
  challenge: 'device-attest-01',
  answered: 'valid',
  foreignKey: 'badCSR',
  commonName: true,
  sameKey: true,
  codeIsSpent: 'rejectedIdentifier',
}

/** mholt/acmez, an ACME client: a device's certificate, and the refusals on the way. Its “attestation” is its bare public key. */
export async function driveAcmez(program: string, folder: string): Promise<Seen[]> {
  const host = await startIdentityHost()
  try {
    const { code, enrollmentId } = await host.mdm.invite({ macId: 'mac', serial: 'C02PEER' })
    const reply = await host.mdm.handleEnroll({ method: 'GET', path: `/enroll/${code}`, headers: {}, body: new Uint8Array() })
    const { clientIdentifier } = readSignedProfile(reply.body)
    const { exit, output } = await runProgram(program, [host.url, clientIdentifier, enrollmentId], { cwd: folder })
    const seen = exit === 0 ? (JSON.parse(output) as Record<string, unknown>) : {}
    const one = (did: string, ...names: string[]): Seen => ({
      peer: 'acmez',
      did,
      saw: exit === 0 ? names.map((name) => `${name} ${seen[name]}`).join(', ') : output.trim().slice(0, 120),
      ok: names.every((name) => seen[name] === EXPECTED[name]),
    })
    return [
      one('account, order, device-attest-01', 'account', 'challenge', 'answered'),
      one('the certificate', 'commonName', 'sameKey'),
      one('what must be refused', 'serialRefused', 'foreignKey', 'codeIsSpent'),
    ]
  } finally {
    await host.close()
  }
}
