'use client'
import { ChevronsUpDown, LogOut, UserRound } from 'lucide-react'
import Link from 'next/link'
import { DropdownMenu } from 'radix-ui'
import type { ConsoleContext } from '../console-context.ts'
import { roleName } from '../role-name.ts'
import { signOut } from '../sign-in-client.ts'

const ITEM = 'flex h-8 cursor-pointer items-center gap-2 rounded-sm px-2 outline-none data-[highlighted]:bg-hover'

export function UserMenu({ user }: { user: NonNullable<ConsoleContext['user']> }) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="flex w-full items-center justify-center gap-2.5 rounded-md p-1.5 text-left hover:bg-hover lg:justify-start">
        <span
          aria-hidden
          className="flex size-7 shrink-0 items-center justify-center rounded-full bg-accent-soft text-xs font-semibold text-accent"
        >
          {initials(user.name)}
        </span>
        <span className="sr-only">Account of</span>
        <span className="sr-only min-w-0 lg:not-sr-only lg:flex-1">
          <span className="block truncate leading-4 font-medium">{user.name}</span>
          <span className="block truncate text-xs text-ink-3">{roleName(user.role)}</span>
        </span>
        <ChevronsUpDown aria-hidden className="hidden size-3.5 text-ink-3 lg:block" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          side="top"
          align="start"
          sideOffset={6}
          className="z-50 min-w-52 rounded-lg border border-line bg-raised p-1 shadow-float animate-appear"
        >
          <DropdownMenu.Label className="px-2 py-1.5 text-xs text-ink-3">{user.email}</DropdownMenu.Label>
          <DropdownMenu.Item asChild>
            <Link href="/account" className={ITEM}>
              <UserRound aria-hidden className="size-4 text-ink-3" />
              Account and sessions
            </Link>
          </DropdownMenu.Item>
          <DropdownMenu.Separator className="my-1 h-px bg-line" />
          <DropdownMenu.Item onSelect={() => void signOut()} className={ITEM}>
            <LogOut aria-hidden className="size-4 text-ink-3" />
            Sign out
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  )
}

const initials = (name: string): string =>
  name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word.charAt(0).toUpperCase())
    .join('')
