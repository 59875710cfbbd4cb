'use client'
import { Button } from '../components/button.tsx'
import { CopyButton } from '../components/copyable.tsx'
import { Dialog } from '../components/dialog.tsx'

export function RecoveryCodes({ codes, onClose }: { codes: readonly string[]; onClose: () => void }) {
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title="Your recovery codes"
      description="Each stands in once for a lost phone. They are not shown again."
    >
      <div className="space-y-3 px-5 py-4">
        <ol className="grid grid-cols-2 gap-x-6 gap-y-1 rounded-md border border-line bg-sunken p-3 font-mono text-xs">
          {codes.map((code) => (
            <li key={code}>{code}</li>
          ))}
        </ol>
        <p className="text-ink-2">Keep them where your phone is not: printed, or in a password manager that opens without it.</p>
      </div>
      <footer className="sticky bottom-0 flex justify-end gap-2 border-t border-line bg-raised px-5 py-3">
        <CopyButton text={codes.join('\n')} label="Copy all" className="h-8" />
        <Button variant="primary" onClick={onClose}>
          I have stored them
        </Button>
      </footer>
    </Dialog>
  )
}
