'use client'
import { Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { PolicyDraft } from '../api.ts'
import { Button, IconButton } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { Field, Input } from '../components/field.tsx'

type Releases = PolicyDraft['releases']

/** The agent releases that may serve: policy, never proof. */
export function ReleaseEditor({ releases, onChange }: { releases: Releases; onChange: (releases: Releases) => void }) {
  const [version, setVersion] = useState('')
  const [codeHash, setCodeHash] = useState('')
  const [teamId, setTeamId] = useState('')
  const isValid = version.trim() !== '' && /^([0-9a-f]{64})?$/.test(codeHash)
  return (
    <Card>
      <CardHeader title="Agent releases" note="What the agent says of itself: policy, not proof" />
      <div className="space-y-3 px-4 py-3">
        <ul className="divide-y divide-line">
          {releases.map((release, index) => (
            <li key={JSON.stringify(release)} className="flex items-center gap-3 py-1.5">
              <span className="font-medium">{release.agentVersion}</span>
              <span className="min-w-0 flex-1 truncate font-mono text-xs text-ink-2">
                {release.codeHash ?? 'any code'} {release.teamId !== undefined && `team ${release.teamId}`}
              </span>
              <IconButton label={`Remove release ${release.agentVersion}`} onClick={() => onChange(releases.toSpliced(index, 1))}>
                <Trash2 aria-hidden className="size-4" />
              </IconButton>
            </li>
          ))}
          {releases.length === 0 && <li className="py-1.5 text-ink-2">None: no Mac may serve.</li>}
        </ul>
        <div className="grid items-end gap-2 md:grid-cols-[8rem_1fr_8rem_auto]">
          <Field label="Version">
            <Input maxLength={64} value={version} onChange={(event) => setVersion(event.target.value)} />
          </Field>
          <Field label="SHA-256 of its code, if only that">
            <Input
              maxLength={64}
              spellCheck={false}
              className="font-mono"
              aria-invalid={codeHash !== '' && !isValid && version !== ''}
              value={codeHash}
              onChange={(event) => setCodeHash(event.target.value.trim().toLowerCase())}
            />
          </Field>
          <Field label="Team, if only that">
            <Input maxLength={32} value={teamId} onChange={(event) => setTeamId(event.target.value.trim())} />
          </Field>
          <Button
            disabled={!isValid}
            onClick={() => {
              onChange([...releases, { agentVersion: version.trim(), ...(codeHash && { codeHash }), ...(teamId && { teamId }) }])
              setVersion('')
              setCodeHash('')
              setTeamId('')
            }}
          >
            Allow it
          </Button>
        </div>
      </div>
    </Card>
  )
}
