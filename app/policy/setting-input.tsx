import type { PolicyDraft } from '../api.ts'
import { Field, Input, Select } from '../components/field.tsx'
import { SETTING_FIELDS, type SettingName, type SettingValue } from './setting-fields.ts'

const HOUR_MS = 3600_000
const MINUTE_MS = 60_000

type InputProps = { name: SettingName; value: SettingValue; onChange: (value: SettingValue) => void }

/** One setting, in the units in which people think of it. */
export function SettingInput({ name, value, onChange }: InputProps) {
  const field = SETTING_FIELDS[name]
  switch (field.kind) {
    case 'hours':
      return (
        <Field label={field.label} hint={field.hint}>
          <Input
            type="number"
            required
            min={field.min}
            max={field.max}
            step="any"
            value={Number(value) / HOUR_MS}
            onChange={(event) => onChange(Math.round(Number(event.target.value) * HOUR_MS))}
          />
        </Field>
      )
    case 'text':
      return (
        <Field label={field.label} hint={field.hint}>
          <Input required pattern={field.pattern} value={String(value)} onChange={(event) => onChange(event.target.value)} />
        </Field>
      )
    case 'switch':
      return <Tick label={field.label} hint={field.hint} isOn={value === true} onChange={onChange} />
    case 'choice':
      return (
        <Field label={field.label} hint={field.hint}>
          <Select value={String(value)} onChange={(event) => onChange(event.target.value as SettingValue)}>
            {field.options.map(({ value: option, word }) => (
              <option key={option} value={option}>
                {word}
              </option>
            ))}
          </Select>
        </Field>
      )
    case 'several':
      return (
        <Several
          label={field.label}
          options={field.options}
          chosen={value as string[]}
          onChange={(next) => onChange(next as SettingValue)}
        />
      )
    case 'grace':
      return <Grace value={value as PolicyDraft['bootGap']} onChange={onChange} />
    default:
      return field satisfies never
  }
}

function Tick({
  label,
  hint,
  isOn,
  onChange,
}: {
  label: string
  hint?: string | undefined
  isOn: boolean
  onChange: (isOn: boolean) => void
}) {
  return (
    <label className="flex min-h-8 items-start gap-2.5">
      <input type="checkbox" className="mt-0.5 size-4 accent-accent" checked={isOn} onChange={(event) => onChange(event.target.checked)} />
      <span>
        {label}
        {hint !== undefined && <span className="block text-xs text-ink-3">{hint}</span>}
      </span>
    </label>
  )
}

type SeveralProps = {
  label: string
  options: readonly { value: string; word: string }[]
  chosen: string[]
  onChange: (chosen: string[]) => void
}

function Several({ label, options, chosen, onChange }: SeveralProps) {
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{label}</legend>
      {options.map(({ value, word }) => (
        <Tick
          key={value}
          label={word}
          isOn={chosen.includes(value)}
          onChange={(isOn) =>
            onChange(options.map((option) => option.value).filter((one) => (one === value ? isOn : chosen.includes(one))))
          }
        />
      ))}
    </fieldset>
  )
}

function Grace({ value, onChange }: { value: PolicyDraft['bootGap']; onChange: (value: PolicyDraft['bootGap']) => void }) {
  return (
    <div className="grid grid-cols-[1fr_auto] items-end gap-2">
      <Field label="After a restart">
        <Select
          value={value.mode}
          onChange={(event) => onChange(event.target.value === 'refuse' ? { mode: 'refuse' } : { mode: 'grace', graceMs: 30 * MINUTE_MS })}
        >
          <option value="refuse">refuse until attested again</option>
          <option value="grace">keep trust for a while</option>
        </Select>
      </Field>
      {value.mode === 'grace' && (
        <Field label="Minutes">
          <Input
            type="number"
            required
            min={0}
            max={24 * 60}
            className="w-24"
            value={value.graceMs / MINUTE_MS}
            onChange={(event) => onChange({ mode: 'grace', graceMs: Math.round(Number(event.target.value) * MINUTE_MS) })}
          />
        </Field>
      )}
    </div>
  )
}
