import { X509Certificate } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Console, inviteByScep, type ScepInvitation } from './enrollments.ts'
import { runProgram, type Seen } from './peer.ts'

type Place = { scepclient: string; folder: string; owner: Console }

/** micromdm/scep's client: a certificate for the right challenge, none for a wrong one, a spent one, or another name. */
export async function driveScepclient({ scepclient, folder, owner }: Place): Promise<Seen[]> {
  const { scep } = await inviteByScep(owner, { folder, serial: 'C02SCEPCLNT1' })
  const ask = async (name: string, wish: Partial<ScepInvitation['scep']> = {}): Promise<X509Certificate | undefined> => {
    const cwd = join(folder, name)
    await mkdir(cwd)
    const { url, challenge, commonName, keySize } = { ...scep, ...wish }
    const files = ['-private-key', 'client.key', '-certificate', 'client.pem']
    await runProgram(scepclient, ['-server-url', url, '-challenge', challenge, '-cn', commonName, '-keySize', String(keySize), ...files], {
      cwd,
    })
    const pem = await readFile(join(cwd, 'client.pem'), 'utf8').catch(() => undefined)
    return pem === undefined ? undefined : new X509Certificate(pem)
  }
  const seen = (did: string, certificate: X509Certificate | undefined, wanted: boolean): Seen => ({
    peer: 'scepclient',
    did,
    saw:
      certificate === undefined
        ? 'no certificate'
        : `${certificate.subject.replace('\n', ', ')} by ${certificate.issuer.split('\n').at(-1)}`,
    ok: (certificate !== undefined) === wanted,
  })
  return [
    seen('a wrong challenge', await ask('wrong', { challenge: 'guessed' }), false),
    seen('another name', await ask('name', { commonName: 'enr_of_somebody' }), false),
    seen('a key of 1024 bits', await ask('short', { keySize: 1024 }), false),
    seen('the challenge of the profile', await ask('right'), true),
    seen('the same challenge again', await ask('again'), false),
  ]
}
