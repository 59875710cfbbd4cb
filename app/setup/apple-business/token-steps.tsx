'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { type ChangeEvent, useId } from 'react'
import { api } from '../../api.ts'
import { FailureNote } from '../../components/states.tsx'
import type { AppleBusinessLink } from './link.ts'

/** Apple's file is about 4 KB. */
const MAX_FILE_BYTES = 64 * 1024

/** The three steps that exchange our public key for a server token; renewing goes the same way. */
export function TokenSteps({ link, onInstalled }: { link: AppleBusinessLink; onInstalled: () => void }) {
  const queries = useQueryClient()
  const input = useId()
  const install = useMutation({
    mutationFn: async (file: File) => api.appleBusiness.installToken.mutate({ link: link.id, file: await base64Of(file) }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['apple-business-links'] })
      onInstalled()
    },
  })
  function choose(event: ChangeEvent<HTMLInputElement>) {
    const file = event.currentTarget.files?.[0]
    event.currentTarget.value = ''
    if (file !== undefined) install.mutate(file)
  }
  return (
    <ol className="space-y-4 border-b border-line px-4 py-4">
      <li>
        <p className="font-medium">1. Download the public key</p>
        <a
          href={`data:application/x-pem-file;charset=utf-8,${encodeURIComponent(link.certificate)}`}
          download="espalier-public-key.pem"
          className="mt-1 inline-flex items-center gap-1.5 text-accent underline"
        >
          <Download aria-hidden className="size-4" />
          espalier-public-key.pem
        </a>
      </li>
      <li>
        <p className="font-medium">2. Give it to Apple Business</p>
        <p className="text-ink-2">
          Sign in to business.apple.com as an administrator. Under your name → Preferences → Device Management Services, add a service (or
          edit this one), upload the key, and download the server token. Then assign Macs to that service.
        </p>
      </li>
      <li>
        <label htmlFor={input} className="font-medium">
          3. Choose the server token (.p7m)
        </label>
        <p className="text-ink-2">It is proved with Apple before it is kept, and stored sealed.</p>
        <input
          id={input}
          type="file"
          accept=".p7m,application/pkcs7-mime"
          disabled={install.isPending}
          onChange={choose}
          className="mt-2 block text-sm file:mr-3 file:h-8 file:rounded-md file:border file:border-line-strong file:bg-surface file:px-3 file:text-ink"
        />
        {install.isPending && (
          <p role="status" className="mt-2 text-ink-2">
            Asking Apple, and reading the list of Macs…
          </p>
        )}
        {install.error !== null && (
          <div className="mt-2">
            <FailureNote error={install.error} />
          </div>
        )}
      </li>
    </ol>
  )
}

async function base64Of(file: File): Promise<string> {
  if (file.size > MAX_FILE_BYTES) throw new Error('The file is larger than any server token.')
  const bytes = new Uint8Array(await file.arrayBuffer())
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}
