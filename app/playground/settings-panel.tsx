'use client'
import { Card, CardHeader } from '../components/card.tsx'
import { CopyButton } from '../components/copyable.tsx'
import { Field, Input, Select, TextArea } from '../components/field.tsx'
import { ScrollRegion } from '../components/scroll-region.tsx'
import { useSession } from '../use-session.ts'
import type { Settings } from './use-chat.ts'

type SettingsPanelProps = { settings: Settings; models: readonly string[]; onChange: (change: Partial<Settings>) => void }

export function SettingsPanel({ settings, models, onChange }: SettingsPanelProps) {
  return (
    <div className="space-y-4">
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
            <Field label="Temperature">
              <Input
                type="number"
                min={0}
                max={2}
                step={0.1}
                value={settings.temperature}
                onChange={(event) => onChange({ temperature: within(event.target.valueAsNumber, 0, 2) ?? 0.7 })}
              />
            </Field>
            <Field label="Most tokens">
              <Input
                type="number"
                min={1}
                max={32_768}
                value={settings.maxTokens ?? ''}
                onChange={(event) => onChange({ maxTokens: within(event.target.valueAsNumber, 1, 32_768) })}
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
const within = (value: number, least: number, most: number): number | undefined =>
  Number.isNaN(value) ? undefined : Math.min(most, Math.max(least, value))

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
        <pre className="p-4 font-mono text-xs text-ink-2">{command}</pre>
      </ScrollRegion>
      <p className="px-4 pb-4 text-xs text-ink-3">Any OpenAI client works: set its base URL and a key of yours, change nothing else.</p>
    </Card>
  )
}
