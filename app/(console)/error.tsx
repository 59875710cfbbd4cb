'use client'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'

export default function PageError({ reset }: { error: Error; reset: () => void }) {
  return (
    <Card role="alert" className="mx-auto mt-12 max-w-md p-6 text-center">
      <h1 className="text-lg font-semibold">This page failed</h1>
      <p className="mt-1 text-ink-2">The rest of the console still works, and no Mac is affected.</p>
      <Button className="mt-4" onClick={reset}>
        Try again
      </Button>
    </Card>
  )
}
