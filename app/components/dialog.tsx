'use client'
import { X } from 'lucide-react'
import { AlertDialog, Dialog as RadixDialog } from 'radix-ui'
import type { ReactNode } from 'react'
import { Button, IconButton } from './button.tsx'
import { FailureNote } from './states.tsx'

// Of one height with the panels, so that a dialog over a dialog shades the lower one.
const OVERLAY = 'fixed inset-0 z-50 bg-[rgb(0_0_0/0.4)] backdrop-blur-[1px]'
const PANEL =
  'fixed top-[8dvh] left-1/2 z-50 max-h-[84dvh] w-[calc(100vw-2rem)] max-w-lg -translate-x-1/2 overflow-y-auto rounded-lg border border-line bg-raised shadow-float animate-appear'

type DialogProps = { isOpen: boolean; onOpenChange: (isOpen: boolean) => void; title: string; description: string; children: ReactNode }

export function Dialog({ isOpen, onOpenChange, title, description, children }: DialogProps) {
  return (
    <RadixDialog.Root open={isOpen} onOpenChange={onOpenChange}>
      <RadixDialog.Portal>
        <RadixDialog.Overlay className={OVERLAY} />
        <RadixDialog.Content className={PANEL}>
          <header className="flex items-start justify-between gap-4 px-5 pt-4">
            <div>
              <RadixDialog.Title className="text-lg font-semibold">{title}</RadixDialog.Title>
              <RadixDialog.Description className="mt-0.5 text-ink-2">{description}</RadixDialog.Description>
            </div>
            <RadixDialog.Close asChild>
              <IconButton label="Close" className="-mr-2">
                <X aria-hidden className="size-4" />
              </IconButton>
            </RadixDialog.Close>
          </header>
          {children}
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  )
}

type ConfirmProps = {
  isOpen: boolean
  onOpenChange: (isOpen: boolean) => void
  title: string
  /** What will happen, and to how many. */
  children: ReactNode
  action: string
  isBusy: boolean
  error: unknown
  onConfirm: () => void
}

/** Asks before something that cannot be undone; the way out has the focus. */
export function Confirm({ isOpen, onOpenChange, title, children, action, isBusy, error, onConfirm }: ConfirmProps) {
  return (
    <AlertDialog.Root open={isOpen} onOpenChange={onOpenChange}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className={OVERLAY} />
        <AlertDialog.Content className={PANEL}>
          <div className="px-5 py-4">
            <AlertDialog.Title className="text-lg font-semibold">{title}</AlertDialog.Title>
            <AlertDialog.Description asChild>
              <div className="mt-2 space-y-2 text-ink-2">{children}</div>
            </AlertDialog.Description>
            {error !== null && error !== undefined && (
              <div className="mt-3">
                <FailureNote error={error} />
              </div>
            )}
          </div>
          <footer className="sticky bottom-0 flex justify-end gap-2 border-t border-line bg-raised px-5 py-3">
            <AlertDialog.Cancel asChild>
              <Button>Cancel</Button>
            </AlertDialog.Cancel>
            <Button variant="danger" isBusy={isBusy} onClick={onConfirm}>
              {action}
            </Button>
          </footer>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}
