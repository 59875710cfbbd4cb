'use client'
import { useQuery } from '@tanstack/react-query'
import { ChevronRight, Download, Lock } from 'lucide-react'
import { api, type Evidence } from '../api.ts'
import { Button } from '../components/button.tsx'
import { CopyButton, Id } from '../components/copyable.tsx'
import { ScrollRegion } from '../components/scroll-region.tsx'
import { FailedState, Skeleton } from '../components/states.tsx'
import { Ago, LocalTime } from '../components/time.tsx'
import { useSession } from '../use-session.ts'

/** One item of evidence: what was read from it, the chain, and the bytes exactly as they came. */
export function EvidenceView({ digest }: { digest: string }) {
  const session = useSession()
  const mayRead = session?.may.includes('read evidence') ?? false
  const evidence = useQuery({
    queryKey: ['evidence', digest],
    queryFn: () => api.macs.getEvidence.query({ digest }),
    // Named by its own hash: it can never change.
    staleTime: Number.POSITIVE_INFINITY,
    enabled: mayRead,
  })
  if (session !== undefined && !mayRead)
    return (
      <p className="flex items-center gap-2 text-ink-2">
        <Lock aria-hidden className="size-3.5 text-ink-3" />
        Your role may see verdicts, not the evidence behind them. Digest <Id value={digest} what="evidence digest" />
      </p>
    )
  if (evidence.isError)
    return <FailedState error={evidence.error} retry={() => void evidence.refetch()} what="The evidence could not be loaded" />
  if (evidence.data === undefined)
    return (
      <div role="status" aria-label="Loading the evidence" className="space-y-2">
        <Skeleton className="w-1/2" />
        <Skeleton className="w-2/3" />
        <Skeleton className="w-1/3" />
      </div>
    )
  return <Loaded evidence={evidence.data} />
}

function Loaded({ evidence }: { evidence: Evidence }) {
  return (
    <div className="space-y-4">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <span className="font-medium">{KINDS[evidence.kind] ?? evidence.kind}</span>
        <span className="text-ink-2">
          received <Ago at={evidence.receivedAt} />, {evidence.sizeBytes.toLocaleString()} bytes, SHA-256{' '}
          <Id value={evidence.digest} what="evidence digest" />
        </span>
        <span className="ml-auto flex gap-2">
          <CopyButton text={evidence.raw} label="Copy raw (base64)" />
          <DownloadButton evidence={evidence} />
        </span>
      </div>
      {evidence.properties.length > 0 && <Properties properties={evidence.properties} />}
      {evidence.certificates.length > 0 && <Chain certificates={evidence.certificates} />}
    </div>
  )
}

const KINDS: Record<string, string> = {
  'acme-attestation-object': 'ACME attestation object',
  'device-information-reply': 'DeviceInformation reply',
  'security-info-reply': 'SecurityInfo reply',
  'mdm-reply': 'MDM reply',
}

function DownloadButton({ evidence }: { evidence: Evidence }) {
  return (
    <Button asChild size="sm">
      <a href={`data:application/octet-stream;base64,${evidence.raw}`} download={`${evidence.kind}-${evidence.digest.slice(0, 12)}.bin`}>
        <Download aria-hidden className="size-3.5" />
        Download
      </a>
    </Button>
  )
}

function Properties({ properties }: { properties: Evidence['properties'] }) {
  return (
    <ScrollRegion label="What was read from it" className="overflow-x-auto rounded-md border border-line bg-surface">
      <table className="w-full text-left">
        <thead className="text-xs text-ink-3">
          <tr className="border-b border-line">
            <th className="px-3 py-1.5 font-medium">Property</th>
            <th className="px-3 py-1.5 font-medium">Value</th>
            <th className="px-3 py-1.5 font-medium">Read from</th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {properties.map((property) => (
            <tr key={`${property.name} ${property.source}`}>
              <td className="px-3 py-1.5 whitespace-nowrap">{property.name}</td>
              <td className="px-3 py-1.5 font-mono text-xs break-all">{property.value}</td>
              <td className="px-3 py-1.5 font-mono text-xs whitespace-nowrap text-ink-3">{property.source}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  )
}

function Chain({ certificates }: { certificates: Evidence['certificates'] }) {
  return (
    <div>
      <div className="mb-1.5 flex items-center justify-between gap-2">
        <p className="text-xs font-medium text-ink-3">Certificates as received, leaf first</p>
        <CopyButton text={certificates.map((certificate) => certificate.pem).join('\n')} label="Copy chain (PEM)" />
      </div>
      <ol className="divide-y divide-line rounded-md border border-line bg-surface">
        {certificates.map((certificate) => (
          <li key={certificate.sha256}>
            <details className="group">
              <summary className="flex items-center gap-2 px-3 py-2 hover:bg-hover">
                <ChevronRight aria-hidden className="size-3.5 shrink-0 text-ink-3 transition-transform group-open:rotate-90" />
                <span className="min-w-0 flex-1 truncate font-mono text-xs">{certificate.subject}</span>
                <span className="hidden shrink-0 text-xs text-ink-3 md:inline">{certificate.algorithm}</span>
              </summary>
              <dl className="grid grid-cols-[8rem_1fr] gap-x-4 gap-y-1 px-3 pb-3 pl-8">
                <dt className="text-ink-3">Issuer</dt>
                <dd className="font-mono text-xs break-all">{certificate.issuer}</dd>
                <dt className="text-ink-3">Serial number</dt>
                <dd className="font-mono text-xs break-all">{certificate.serialNumber}</dd>
                <dt className="text-ink-3">Valid</dt>
                <dd>
                  <LocalTime at={certificate.notBefore} /> – <LocalTime at={certificate.notAfter} />
                </dd>
                <dt className="text-ink-3">SHA-256</dt>
                <dd>
                  <Id value={certificate.sha256} what="certificate fingerprint" keep={12} />
                </dd>
              </dl>
              <ScrollRegion
                label="Certificate in PEM"
                className="mx-3 mb-3 ml-8 max-h-48 overflow-auto rounded-md border border-line bg-sunken"
              >
                <pre className="p-3 font-mono text-xs">{certificate.pem}</pre>
              </ScrollRegion>
            </details>
          </li>
        ))}
      </ol>
    </div>
  )
}
