'use client'
import type { ApiKey } from '../api.ts'
import { Button } from '../components/button.tsx'
import { KEY_STATE, StateBadge } from '../components/state-badge.tsx'
import { Ago, LocalTime } from '../components/time.tsx'

type KeyTableProps = { rows: readonly ApiKey[]; showsOwner: boolean; onRevoke: (key: ApiKey) => void }

export function KeyTable({ rows, showsOwner, onRevoke }: KeyTableProps) {
  return (
    <div className="relative overflow-x-auto">
      <table className="w-full text-left">
        <thead className="text-xs text-ink-3">
          <tr className="border-b border-line">
            <th className="px-4 py-2 font-medium">Name</th>
            <th className="px-4 py-2 font-medium">State</th>
            <th className="px-4 py-2 font-medium">Scopes</th>
            {showsOwner && <th className="hidden px-4 py-2 font-medium lg:table-cell">Owner</th>}
            <th className="px-4 py-2 font-medium">Last used</th>
            <th className="px-4 py-2 font-medium">Expires</th>
            <th className="px-4 py-2">
              <span className="sr-only">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {rows.map((key) => (
            <tr key={key.id} className="h-13">
              <td className="px-4 py-2">
                <span className="font-medium">{key.name}</span>
                <span className="block font-mono text-xs text-ink-3">{key.prefix}…</span>
              </td>
              <td className="px-4">
                <StateBadge {...KEY_STATE[key.state]} />
              </td>
              <td className="max-w-60 min-w-36 px-4 py-2 font-mono text-xs text-ink-2">{key.scopes.join(', ')}</td>
              {showsOwner && <td className="hidden px-4 text-ink-2 lg:table-cell">{key.owner.name}</td>}
              <td className="px-4 whitespace-nowrap text-ink-2">{key.lastUsedAt === null ? 'never' : <Ago at={key.lastUsedAt} />}</td>
              <td className="px-4 whitespace-nowrap text-ink-2">{key.expiresAt === null ? 'never' : <LocalTime at={key.expiresAt} />}</td>
              <td className="px-4 text-right">
                {key.mayRevoke && (
                  <Button size="sm" variant="quiet" aria-label={`Revoke ${key.name}`} onClick={() => onRevoke(key)}>
                    Revoke
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
