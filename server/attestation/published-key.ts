import { isEqual } from '#protocol/bytes'
import { publishedKeyName } from '#protocol/statements'
import { isSignedBy, parseCertificate } from './certificate.ts'
import type { Finding } from './reasons.ts'

/**
 * Level mdm-signed: whether a certificate that the Mac's MDM client reported (CertificateList) is the one that was asked of the agent,
 * for exactly its key, under the name that our nonce made, signed by that key itself. That the report came over the Mac's own channel
 * is the Mdm-Signature's to prove, not the certificate's. Source: Apple, "CertificateList" command; DESIGN §4.3. Never throws.
 */
export function judgePublishedKey(certificate: Uint8Array, expected: { agentKey: Uint8Array; nonce: Uint8Array; at: Date }): Finding[] {
  const parsed = parseCertificate(certificate)
  if (!parsed.ok) return [{ code: 'CERT_MALFORMED', detail: parsed.detail }]
  const { spki, subject, notBefore, notAfter } = parsed.certificate
  const findings: Finding[] = []
  if (!isEqual(spki, expected.agentKey)) findings.push({ code: 'AGENT_KEY_UNBOUND', detail: 'the published certificate holds another key' })
  if (subject.commonName !== publishedKeyName(expected.nonce))
    findings.push({ code: 'FRESHNESS_MISMATCH', detail: 'it was published for another question' })
  if (!isSignedBy(parsed.certificate, parsed.certificate))
    findings.push({ code: 'CHAIN_UNTRUSTED', detail: 'it is not signed by its own key' })
  if (expected.at < notBefore || expected.at >= notAfter) findings.push({ code: 'CERT_EXPIRED', detail: 'the published certificate' })
  return findings
}
