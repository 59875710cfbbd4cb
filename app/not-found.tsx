import Link from 'next/link'
import { Button } from './components/button.tsx'
import { Mark } from './shell/mark.tsx'

export default function NotFound() {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center p-6 text-center">
      <Mark className="mb-4 size-10" />
      <h1 className="text-xl font-semibold">There is no such page</h1>
      <p className="mt-1 text-ink-2">The address may be mistyped, or the page may have moved.</p>
      <Button asChild className="mt-4">
        <Link href="/">Go to the overview</Link>
      </Button>
    </main>
  )
}
