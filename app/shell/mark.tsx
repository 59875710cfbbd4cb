/** A tree trained flat against a wall. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" className={className}>
      <rect width="32" height="32" rx="7" className="fill-accent-fill" />
      <g fill="none" stroke="#fff" strokeWidth="2.4" strokeLinecap="round" strokeLinejoin="round">
        <path d="M16 26V6" />
        <path d="M16 21h-3a5 5 0 0 1-5-5v-1M16 21h3a5 5 0 0 0 5-5v-1" />
        <path d="M16 14h-1a4 4 0 0 1-3-4V9M16 14h1a4 4 0 0 0 3-4V9" opacity=".85" />
      </g>
    </svg>
  )
}
