import { cn } from './cn.ts'

type ChoiceProps = { word: string; count?: number | undefined; isOn: boolean; onClick: () => void }

/** One of a few filters that stand side by side, with how many it shows. */
export function Choice({ word, count, isOn, onClick }: ChoiceProps) {
  return (
    <button
      type="button"
      aria-pressed={isOn}
      onClick={onClick}
      className={cn(
        'flex h-7 items-center gap-1.5 rounded-md px-2.5 font-medium',
        isOn ? 'bg-hover text-ink' : 'text-ink-2 hover:bg-hover hover:text-ink',
      )}
    >
      {word}
      {count !== undefined && <span className="text-xs font-normal text-ink-3">{count}</span>}
    </button>
  )
}
