'use client'
import { Card, CardHeader } from '../components/card.tsx'
import { CopyButton } from '../components/copyable.tsx'
import { Field, Input, Select, TextArea } from '../components/field.tsx'
import { ScrollRegion } from '../components/scroll-region.tsx'
import { useSession } from '../use-session.ts'
import { faultsOf, TEMPERATURE, TOKENS } from './setting-faults.ts'
import type { Settings } from './use-chat.ts'

type SettingsPanelProps = { settings: Settings; models: readonly string[]; onChange: (change: Partial<Settings>) => void }

export function SettingsPanel({ settings, models, onChange }: SettingsPanelProps) {
  const faults = faultsOf(settings)
  return (
    <div className="min-w-0 space-y-4">
      <Card>
        <CardHeader title="Request" />
        <div className="space-y-4 p-4">
          <Field label="Model">
            <Select value={settings.model} disabled={models.length === 0} onChange={(event) => onChange({ model: event.target.value })}>
              {models.length === 0 && <option value="">none served</option>}
              {models.map((model) => (
                <option key={model}>{model}</option>
              ))}
            </Select>
          </Field>
          <Field label="Instructions" hint="Sent as the system message.">
            <TextArea rows={3} maxLength={4000} value={settings.system} onChange={(event) => onChange({ system: event.target.value })} />
          </Field>
          <div className="grid grid-cols-2 gap-3">
            <Field label="Temperature" fault={faults.temperature}>
              <Input
                type="number"
                min={TEMPERATURE.least}
                max={TEMPERATURE.most}
                step={0.1}
                aria-invalid={faults.temperature !== undefined}
                value={settings.temperature ?? ''}
                onChange={(event) => onChange({ temperature: numberIn(event.target) })}
              />
            </Field>
            <Field label="Most tokens" fault={faults.maxTokens}>
              <Input
                type="number"
                min={TOKENS.least}
                max={TOKENS.most}
                aria-invalid={faults.maxTokens !== undefined}
                value={settings.maxTokens ?? ''}
                onChange={(event) => onChange({ maxTokens: numberIn(event.target) })}
              />
            </Field>
          </div>
        </div>
      </Card>
      <FromYourOwnTool model={settings.model} />
    </div>
  )
}

/** Undefined for an empty field: the API’s own default then counts. */
const numberIn = (input: HTMLInputElement): number | undefined => (Number.isNaN(input.valueAsNumber) ? undefined : input.valueAsNumber)

function FromYourOwnTool({ model }: { model: string }) {
  const session = useSession()
  if (session === undefined) return null
  const command = [
    `curl ${session.publicUrl}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer $ESPALIER_KEY" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '{"model": "${model || 'MODEL'}", "stream": true,`,
    `       "messages": [{"role": "user", "content": "Hello"}]}'`,
  ].join('\n')
  return (
    <Card>
      <CardHeader title="From your own tool">
        <CopyButton text={command} />
      </CardHeader>
      <ScrollRegion label="Command" className="overflow-x-auto">
        <pre className="p-4 font-mono text-xs break-words whitespace-pre-wrap text-ink-2">{command}</pre>
      </ScrollRegion>
      <p className="px-4 pb-4 text-xs text-ink-3">Any OpenAI client works: set its base URL and a key of yours, change nothing else.</p>
    </Card>
  )
}
