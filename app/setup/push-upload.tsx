'use client'
import { Download, ExternalLink } from 'lucide-react'
import { Button } from '../components/button.tsx'
import { CopyButton } from '../components/copyable.tsx'
import { download } from './push-file.ts'

/** The one step that happens at Apple: nothing here can see it, but step 4 sees what came of it. */
export function PushUpload({ signedRequest, isRenewal }: { signedRequest: string; isRenewal: boolean }) {
  return (
    <div className="space-y-3">
      <ol className="list-decimal space-y-1 pl-5 text-ink-2">
        <li>Keep the signed request as a file.</li>
        <li>
          {isRenewal
            ? 'At Apple, choose “Renew” beside the certificate in force. “Create” would make another topic, and every Mac would have to enroll again.'
            : 'At Apple, choose “Create a Certificate” and upload the file.'}
        </li>
        <li>Download what Apple gives, and come back.</li>
      </ol>
      <div className="flex flex-wrap gap-2">
        <Button size="sm" onClick={() => download('espalier-push-request.plist.b64', signedRequest)}>
          <Download aria-hidden className="size-3.5" />
          The signed request
        </Button>
        <CopyButton text={signedRequest} label="Copy it" />
        <Button asChild size="sm">
          <a href="https://identity.apple.com/pushcert/" target="_blank" rel="noreferrer">
            <ExternalLink aria-hidden className="size-3.5" />
            identity.apple.com
          </a>
        </Button>
      </div>
    </div>
  )
}
