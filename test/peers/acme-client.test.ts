import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { readSignedProfile } from '../../mdm/testing/test-mac.ts'
import { pythonWithClients } from '../journeys/support/python.ts'
import { startIdentityHost } from './support/identity-host.ts'

const python = pythonWithClients()

test.skipIf(python === undefined)(
  'certbot’s ACME library obtains a device’s certificate here, and is refused where it misbehaves',
  { timeout: 60_000 },
  async () => {
    const host = await startIdentityHost()
    try {
      const { code, enrollmentId } = await host.mdm.invite({ macId: 'mac', serial: 'C02PEER' })
      const reply = await host.mdm.handleEnroll({ method: 'GET', path: `/enroll/${code}`, headers: {}, body: new Uint8Array() })
      const { clientIdentifier } = readSignedProfile(reply.body)
      const script = new URL('./clients/acme_device.py', import.meta.url).pathname
      const { stdout } = await promisify(execFile)(python as string, [script, host.url, clientIdentifier, enrollmentId])
      expect(JSON.parse(stdout)).toEqual({
        account: 'valid',
        serialRefused: 'rejectedIdentifier',
        hostRefused: 'unsupportedIdentifier',
        orderAfterBadNonce: 201,
        wrongUrl: 'unauthorized',
        firstUseOfNonce: 200,
        replayedNonce: 'badNonce',
        postAsGet: 'pending',
        plainGet: 405,
        challenge: 'device-attest-01',
        answered: 'valid',
        ready: 'ready',
        foreignKey: 'badCSR',
        chain: 2,
        commonName: enrollmentId,
        sameKey: true,
        codeIsSpent: 'rejectedIdentifier',
      })
      expect(host.events).toEqual(['onProfileIssued', 'onAcmeAttested', 'onAcmeRefused'])
    } finally {
      await host.close()
    }
  },
)
