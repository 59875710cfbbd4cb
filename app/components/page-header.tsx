import { ChevronLeft } from 'lucide-react'
import Link from 'next/link'
import type { ReactNode } from 'react'

type Crumb = { href: string; title: string }

/** The page's name, what it answers, and its one or two actions. */
export function PageHeader({
  title,
  note,
  parent,
  children,
}: {
  title: ReactNode
  note?: ReactNode
  parent?: Crumb
  children?: ReactNode
}) {
  return (
    <div className="mb-5 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        {parent !== undefined && (
          <nav aria-label="Breadcrumb" className="mb-1">
            <Link href={parent.href} className="-ml-1 inline-flex items-center gap-0.5 rounded-sm px-1 text-ink-3 hover:text-ink">
              <ChevronLeft aria-hidden className="size-3.5" />
              {parent.title}
            </Link>
          </nav>
        )}
        <h1 className="flex flex-wrap items-center gap-3 text-xl font-semibold tracking-tight">{title}</h1>
        {note !== undefined && <div className="mt-0.5 text-ink-2">{note}</div>}
      </div>
      {children !== undefined && <div className="flex items-center gap-2">{children}</div>}
    </div>
  )
}
