import { FailureNote } from '../components/states.tsx'
import { UploadTooLarge } from './push-file.ts'

/** Why a file was not taken: what the browser itself refused never reached the appliance. */
export function UploadFailure({ error }: { error: unknown }) {
  if (error === null || error === undefined) return null
  if (!(error instanceof UploadTooLarge)) return <FailureNote error={error} />
  return (
    <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-bad">
      {error.message}
    </p>
  )
}
