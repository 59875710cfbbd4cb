import { plistDict } from '../plist/value.ts'
import type { Command, Reply } from '../ports.ts'
import { type ReplyFault, readReply } from './reply-reader.ts'

/** A Mac's System keychain holds a few dozen; roots are not among them. */
const MAX_CERTIFICATES = 512
const MAX_CERTIFICATE_BYTES = 16 * 1024

/**
 * Apple: CertificateList. Needs AccessRights 1. `managedOnly` leaves out what did not come over MDM; a certificate that the Mac itself
 * has put into the System keychain is listed only without it.
 * https://developer.apple.com/documentation/devicemanagement/certificatelistcommand
 */
export function certificateList(options: { managedOnly?: boolean } = {}): Command {
  return { requestType: 'CertificateList', payload: plistDict({ ManagedOnly: options.managedOnly ?? false }) }
}

export type ListedCertificate = {
  commonName: string
  /** X.509, as the Mac reports it; nothing of it has been judged. */
  der: Uint8Array
  /** The Mac holds the private key. */
  isIdentity: boolean
}

/** An entry without readable `Data` is left out, with its fault. */
export function parseCertificateList(reply: Pick<Reply, 'plist'>): { certificates: ListedCertificate[]; faults: ReplyFault[] } {
  const read = readReply(reply.plist)
  const certificates = read.list('CertificateList', MAX_CERTIFICATES, (item): ListedCertificate | undefined => {
    const der = item.data('Data', MAX_CERTIFICATE_BYTES)
    if (der === undefined || der.length === 0) return item.missing('Data')
    return { commonName: item.text('CommonName') ?? '', der, isIdentity: item.flag('IsIdentity') ?? false }
  })
  if (certificates === undefined) read.missing('CertificateList')
  return { certificates: certificates ?? [], faults: read.faults }
}
