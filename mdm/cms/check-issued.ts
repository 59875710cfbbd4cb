import { X509Certificate } from 'node:crypto'

const EKU_CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

export type IssuedFaultCode = 'CERT_NOT_OURS' | 'CERT_EXPIRED' | 'CERT_NOT_YET_VALID' | 'CERT_WRONG_USE'

/** Whether our device CA issued this certificate to a Mac, and whether it is valid now. Undefined: it is. Never throws. */
export function checkIssued(options: { certificate: Uint8Array; ca: Uint8Array; now: Date }): IssuedFaultCode | undefined {
  try {
    const certificate = new X509Certificate(options.certificate)
    const ca = new X509Certificate(options.ca)
    if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) return 'CERT_NOT_OURS'
    if (certificate.ca || !certificate.keyUsage?.includes(EKU_CLIENT_AUTH)) return 'CERT_WRONG_USE'
    if (options.now < certificate.validFromDate) return 'CERT_NOT_YET_VALID'
    return options.now > certificate.validToDate ? 'CERT_EXPIRED' : undefined
  } catch {
    return 'CERT_NOT_OURS'
  }
}
