import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { arrayAt, dictAt, integerAt, type PlistDict, stringAt } from '../../../mdm/plist/value.ts'
import { readSignedProfile } from '../../../mdm/testing/test-mac.ts'
import type { Appliance } from '../../journeys/support/appliance.ts'
import { consoleSession } from '../../journeys/support/console-session.ts'
import { runProgram } from './peer.ts'

export type Console = Awaited<ReturnType<typeof consoleSession>>

export const ownerOf = (appliance: Appliance): Promise<Console> =>
  consoleSession(appliance, { email: appliance.adminEmail, password: appliance.adminPassword })

export type ScepInvitation = {
  mac: string
  profileFile: string
  scep: { url: string; challenge: string; commonName: string; keySize: number }
}

/** Invites a Mac by SCEP and takes its profile out of its signature with openssl, which verifies it: these clients read bare ones. */
export async function inviteByScep(owner: Console, where: { folder: string; serial: string }): Promise<ScepInvitation> {
  const { folder, serial } = where
  const invited = await owner.mutate('macs.inviteMac', { serial, identity: 'scep' })
  const { mac, url } = invited.data as { mac: string; url: string }
  const signed = new Uint8Array(await (await fetch(url)).arrayBuffer())
  const [signedFile, profileFile] = [join(folder, `${serial}.signed`), join(folder, `${serial}.mobileconfig`)]
  await writeFile(signedFile, signed)
  const verify = ['cms', '-verify', '-noverify', '-inform', 'DER', '-in', signedFile, '-out', profileFile]
  const verified = await runProgram('openssl', verify, { cwd: folder })
  if (verified.exit !== 0) throw new Error(`openssl refuses the profile: ${verified.output}`)
  return { mac, profileFile, scep: scepOf(readSignedProfile(signed).plist) }
}

function scepOf(profile: PlistDict): ScepInvitation['scep'] {
  const payload = (arrayAt(profile, 'PayloadContent') as PlistDict[]).find(
    (one) => stringAt(one, 'PayloadType') === 'com.apple.security.scep',
  )
  const content = payload && dictAt(payload, 'PayloadContent')
  if (content === undefined) throw new Error('the profile has no SCEP payload')
  const [[[, commonName = ''] = []] = []] = (arrayAt(content, 'Subject') ?? []) as string[][][]
  return {
    url: stringAt(content, 'URL') ?? '',
    challenge: stringAt(content, 'Challenge') ?? '',
    commonName,
    keySize: integerAt(content, 'Keysize') ?? 2048,
  }
}
