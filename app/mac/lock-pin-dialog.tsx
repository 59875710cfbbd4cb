import type { Mac } from '../api.ts'
import { Button } from '../components/button.tsx'
import { CopyField } from '../components/copyable.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Ago } from '../components/time.tsx'

type Props = { mac: Mac; pin: string; earlier?: readonly { pin: string; lockedAt: string }[]; onClose: () => void }

export function LockPinDialog({ mac, pin, earlier = [], onClose }: Props) {
  return (
    <Dialog
      isOpen
      onOpenChange={(opens) => !opens && onClose()}
      title={`The PIN of ${mac.name ?? mac.serial}`}
      description="Whoever stands at the locked Mac types it. It is kept sealed, and each time somebody looks at it goes on record."
    >
      <div className="px-5 py-4">
        <CopyField value={pin} label="PIN" />
        {earlier.length > 0 && (
          <>
            <p className="mt-4 text-ink-2">
              A Mac that was locked already did not take this last lock. It opens with the PIN of an earlier one:
            </p>
            <ul className="mt-1">
              {earlier.map((lock) => (
                <li key={lock.lockedAt} className="flex items-center gap-3">
                  <code className="font-mono">{lock.pin}</code>
                  <span className="text-xs text-ink-3">
                    locked <Ago at={lock.lockedAt} />
                  </span>
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
      <footer className="flex justify-end border-t border-line px-5 py-3">
        <Button onClick={onClose}>Close</Button>
      </footer>
    </Dialog>
  )
}
