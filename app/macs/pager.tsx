import { ChevronLeft, ChevronRight } from 'lucide-react'
import { IconButton } from '../components/button.tsx'

type PagerProps = { page: number; pageSize: number; total: number; onPage: (page: number) => void }

export function Pager({ page, pageSize, total, onPage }: PagerProps) {
  const pages = Math.max(1, Math.ceil(total / pageSize))
  const first = (page - 1) * pageSize + 1
  return (
    <div className="flex h-11 items-center justify-between border-t border-line px-4 text-xs text-ink-3">
      <span>{total === 0 ? 'None' : `${first}–${Math.min(total, page * pageSize)} of ${total}`}</span>
      {pages > 1 && (
        <nav aria-label="Pages" className="flex items-center gap-1">
          <IconButton label="Previous page" disabled={page <= 1} onClick={() => onPage(page - 1)} className="disabled:opacity-40">
            <ChevronLeft aria-hidden className="size-4" />
          </IconButton>
          <span>
            Page {page} of {pages}
          </span>
          <IconButton label="Next page" disabled={page >= pages} onClick={() => onPage(page + 1)} className="disabled:opacity-40">
            <ChevronRight aria-hidden className="size-4" />
          </IconButton>
        </nav>
      )}
    </div>
  )
}
