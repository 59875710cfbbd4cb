'use client'
import { ArrowUp, Square } from 'lucide-react'
import { type KeyboardEvent, useRef, useState } from 'react'
import { Button } from '../components/button.tsx'

type ComposerProps = { isReady: boolean; isRunning: boolean; onSend: (prompt: string) => void; onStop: () => void }

/** Enter sends, Shift-Enter makes a new line, Escape stops. */
export function Composer({ isReady, isRunning, onSend, onStop }: ComposerProps) {
  const [text, setText] = useState('')
  const area = useRef<HTMLTextAreaElement>(null)

  function send() {
    if (text.trim() === '' || isRunning || !isReady) return
    onSend(text.trim())
    setText('')
    area.current?.focus()
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Escape' && isRunning) onStop()
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }

  return (
    <div className="border-t border-line p-3">
      <div className="flex items-end gap-2 rounded-lg border border-line-strong bg-surface p-1.5 focus-within:border-accent">
        <textarea
          ref={area}
          aria-label="Message"
          placeholder="Ask something"
          rows={Math.min(8, text.split('\n').length)}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          className="min-h-8 min-w-0 flex-1 resize-none bg-transparent px-2 py-1.5 text-base outline-none placeholder:text-ink-3"
        />
        {isRunning ? (
          <Button onClick={onStop}>
            <Square aria-hidden className="size-3 fill-current" />
            Stop
          </Button>
        ) : (
          <Button variant="primary" onClick={send} disabled={text.trim() === '' || !isReady}>
            <ArrowUp aria-hidden className="size-4" />
            Send
          </Button>
        )}
      </div>
      <p className="mt-1.5 px-1 text-xs text-ink-3">Enter sends, Shift-Enter makes a new line, Escape stops. Conversations are not kept.</p>
    </div>
  )
}
