'use client'
import { Home, KeyRound, Laptop, type LucideIcon, MessageSquareText } from 'lucide-react'
import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { cn } from '../components/cn.ts'

type Place = { href: string; title: string; icon: LucideIcon }

const PLACES: Place[] = [
  { href: '/', title: 'Overview', icon: Home },
  { href: '/macs', title: 'Macs', icon: Laptop },
  { href: '/playground', title: 'Playground', icon: MessageSquareText },
  { href: '/keys', title: 'API keys', icon: KeyRound },
]

export function NavLinks() {
  const path = usePathname()
  return (
    <ul className="space-y-0.5 px-2 py-3">
      {PLACES.map(({ href, title, icon: Icon }) => {
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
