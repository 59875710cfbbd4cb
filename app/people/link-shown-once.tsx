'use client'
import type { OfferedLink } from '../api.ts'
import { Button } from '../components/button.tsx'
import { CopyField } from '../components/copyable.tsx'
import { Dialog } from '../components/dialog.tsx'
import { LocalTime } from '../components/time.tsx'

/** The link to a password, this once: whoever has it first has the account. */
export function LinkShownOnce({ offer, to, onClose }: { offer: OfferedLink; to: string; onClose: () => void }) {
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title={`A link for ${to}`}
      description="Copy it now: it is not shown again."
    >
      <div className="space-y-3 px-5 py-4">
        <CopyField value={offer.link} label="Link" />
        <p className="text-ink-2">
          It works once, until <LocalTime at={offer.expiresAt} />. Whoever opens it first chooses the password: give it to {to} in a way
          that only they can read.
        </p>
      </div>
      <footer className="sticky bottom-0 flex justify-end border-t border-line bg-raised px-5 py-3">
        <Button variant="primary" onClick={onClose}>
          I have passed it on
        </Button>
      </footer>
    </Dialog>
  )
}
