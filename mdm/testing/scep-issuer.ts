import { KeyObject } from 'node:crypto'
import { createScepCa } from '../issuer.ts'
import type { RsaIssuer } from '../ports.ts'

let made: Promise<RsaIssuer> | undefined

/** One SCEP CA for all tests of a file: an RSA key takes long to make. */
export function testScepCa(now: Date): Promise<RsaIssuer> {
  made ??= createScepCa({ organization: 'Example AG', now }).then(({ certificate, privateKey }) => ({
    certificate,
    privateKey: KeyObject.from(privateKey),
  }))
  return made
}
