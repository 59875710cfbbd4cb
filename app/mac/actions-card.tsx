'use client'
import { Eraser, IdCard, KeyRound, Lock, type LucideIcon, RefreshCw, RotateCw, ShieldOff } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import type { Mac } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { useMay } from '../use-session.ts'
import { EraseMac } from './erase-mac.tsx'
import { LockMac } from './lock-mac.tsx'
import { RefreshMac } from './refresh-mac.tsx'
import { RenewIdentity } from './renew-identity.tsx'
import { RestartMac } from './restart-mac.tsx'
import { RevokeIdentity } from './revoke-identity.tsx'
import { ShowLockPin } from './show-lock-pin.tsx'

type Action = 'revoke-identity' | 'restart' | 'lock' | 'pin' | 'erase'

/** What a person may do to this Mac over MDM. Everything is asked again before it happens; what is not allowed is not shown. */
export function ActionsCard({ mac }: { mac: Mac }) {
  const mayRefresh = useMay('refresh a Mac’s attestation')
  const mayAct = useMay('restart, lock or erase Macs')
  const mayRevoke = useMay('revoke Macs')
  const [open, setOpen] = useState<Action>()
  if ((!mayRefresh && !mayAct && !mayRevoke) || mac.trust === 'revoked') return null
  const isReachable = mac.enrollment?.state === 'enrolled'
  const dialog = (action: Action) => ({
    mac,
    isOpen: open === action,
    onOpenChange: (opens: boolean) => setOpen(opens ? action : undefined),
  })
  return (
    <Card>
      <CardHeader title="Actions" />
      {!isReachable && <p className="px-4 pt-3 text-ink-2">This Mac is not enrolled, so MDM cannot reach it.</p>}
      <ul className="divide-y divide-line">
        {isReachable && mayRefresh && (
          <Row icon={RefreshCw} text="Have it report its state, and Apple attest it">
            <RefreshMac mac={mac} />
          </Row>
        )}
        {isReachable && mayRefresh && (
          <Row icon={IdCard} text="Have it obtain a new MDM identity">
            <RenewIdentity mac={mac} />
          </Row>
        )}
        {isReachable && mayRevoke && (
          <Row icon={ShieldOff} text="End its MDM identity, so that it has to enroll anew">
            <Button size="sm" className="text-bad" onClick={() => setOpen('revoke-identity')}>
              Revoke identity
            </Button>
          </Row>
        )}
        {isReachable && mayAct && (
          <>
            <Row icon={RotateCw} text="Restart it now, or ask its user to">
              <Button size="sm" onClick={() => setOpen('restart')}>
                Restart
              </Button>
            </Row>
            <Row icon={Lock} text="Lock it with a PIN, where it stands">
              <Button size="sm" onClick={() => setOpen('lock')}>
                Lock
              </Button>
            </Row>
            <Row icon={Eraser} text="Erase everything on it">
              <Button size="sm" className="text-bad" onClick={() => setOpen('erase')}>
                Erase
              </Button>
            </Row>
          </>
        )}
        {mayAct && (
          <Row icon={KeyRound} text="See the PIN of its last lock">
            <Button size="sm" onClick={() => setOpen('pin')}>
              Show PIN
            </Button>
          </Row>
        )}
      </ul>
      <RevokeIdentity {...dialog('revoke-identity')} />
      <RestartMac {...dialog('restart')} />
      <LockMac {...dialog('lock')} />
      <EraseMac {...dialog('erase')} />
      <ShowLockPin {...dialog('pin')} />
    </Card>
  )
}

function Row({ icon: Icon, text, children }: { icon: LucideIcon; text: string; children: ReactNode }) {
  return (
    <li className="flex min-h-11 items-center gap-3 px-4 py-2">
      <Icon aria-hidden className="size-4 shrink-0 text-ink-3" />
      <span className="min-w-0 flex-1 text-ink-2">{text}</span>
      {children}
    </li>
  )
}
