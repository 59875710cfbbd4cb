'use client'
import { Home, KeyRound, Laptop, ListChecks, type LucideIcon, MessageSquareText, PackageCheck, Scale, Users } from 'lucide-react'
import Link from 'next/link'
import { usePathname } from 'next/navigation'
import type { Session } from '../api.ts'
import { cn } from '../components/cn.ts'

/** `needs`: the permission without which everything there is refused. */
type Place = { href: string; title: string; icon: LucideIcon; needs?: Session['may'][number] }

const PLACES: Place[] = [
  { href: '/', title: 'Overview', icon: Home },
  { href: '/macs', title: 'Macs', icon: Laptop },
  { href: '/policy', title: 'Policy', icon: Scale, needs: 'read the policy' },
  { href: '/releases', title: 'Agent releases', icon: PackageCheck, needs: 'read the policy' },
  { href: '/setup', title: 'Set-up', icon: ListChecks, needs: 'read the set-up' },
  { href: '/people', title: 'People', icon: Users, needs: 'read people' },
  { href: '/playground', title: 'Playground', icon: MessageSquareText, needs: 'send inference requests' },
  { href: '/keys', title: 'API keys', icon: KeyRound },
]

export function NavLinks({ may }: { may: readonly string[] }) {
  const path = usePathname()
  return (
    <ul className="space-y-0.5 px-2 py-3">
      {PLACES.filter(({ needs }) => needs === undefined || may.includes(needs)).map(({ href, title, icon: Icon }) => {
        const isHere = href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`)
        return (
          <li key={href}>
            <Link
              href={href}
              title={title}
              aria-current={isHere ? 'page' : undefined}
              className={cn(
                'flex h-8 items-center justify-center gap-2.5 rounded-md px-2.5 font-medium transition-colors lg:justify-start',
                isHere ? 'bg-hover text-ink' : 'text-ink-2 hover:bg-hover hover:text-ink',
              )}
            >
              <Icon aria-hidden className={cn('size-4 shrink-0', isHere ? 'text-accent' : 'text-ink-3')} />
              <span className="sr-only lg:not-sr-only">{title}</span>
            </Link>
          </li>
        )
      })}
    </ul>
  )
}
