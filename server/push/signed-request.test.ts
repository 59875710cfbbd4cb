import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { plistDict } from '../../mdm/plist/value.ts'
import { writePlistBytes } from '../../mdm/plist/write-plist.ts'
import { createLaboratory, pem } from '../../test/conformance/mda/laboratory.ts'
import { bitString, objectIdentifier, sequence } from '../../test/software-mac/apple/der-writer.ts'
import { readSignedRequest } from './signed-request.ts'

test('a vendor whose certificate holds no key that could be read is malformed, not a fault of ours', () => {
  const spki = sequence(sequence(objectIdentifier('1.2.840.113549.1.1.1')), bitString(Uint8Array.of(0x30, 0x80)))
  const der = createLaboratory('signed-request.test').leaf({ spki })
  expect(() => new X509Certificate(der).publicKey).toThrow()
  const csr = new TextEncoder().encode('a request')
  const members = {
    PushCertRequestCSR: Buffer.from(csr).toString('base64'),
    PushCertCertificateChain: Buffer.from(pem([der])).toString(),
    PushCertSignature: 'AAAA',
  }
  expect(() => readSignedRequest(writePlistBytes(plistDict(members)), csr)).toThrow(
    expect.objectContaining({ code: 'signed_request_malformed' }),
  )
})
