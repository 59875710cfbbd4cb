'use client'
import { Ban, CircleCheck, EllipsisVertical, KeyRound, ShieldCheck, ShieldOff, UserCog, UserRoundCheck, UserRoundX } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import type { Person } from '../api.ts'
import { StateBadge } from '../components/state-badge.tsx'
import { Ago } from '../components/time.tsx'
import { roleName } from '../role-name.ts'
import type { Deed } from './change-person.tsx'

type PeopleTableProps = { rows: readonly Person[]; mayManage: boolean; onDeed: (deed: Deed, person: Person) => void }

export function PeopleTable({ rows, mayManage, onDeed }: PeopleTableProps) {
  return (
    <div className="relative overflow-x-auto">
      <table className="w-full text-left">
        <thead className="text-xs text-ink-3">
          <tr className="border-b border-line">
            <th className="px-4 py-2 font-medium">Person</th>
            <th className="px-4 py-2 font-medium">Role</th>
            <th className="px-4 py-2 font-medium">State</th>
            <th className="px-4 py-2 font-medium">Second factor</th>
            <th className="px-4 py-2 font-medium">Last seen</th>
            <th className="hidden px-4 py-2 font-medium lg:table-cell">Sessions</th>
            <th className="hidden px-4 py-2 font-medium lg:table-cell">API keys</th>
            {mayManage && (
              <th className="px-4 py-2">
                <span className="sr-only">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {rows.map((person) => (
            <tr key={person.id} className="h-13">
              <td className="px-4 py-2">
                <span className="font-medium">{person.name}</span>
                {person.isYou && <span className="ml-2 text-xs text-good">you</span>}
                <span className="block text-xs text-ink-3">{person.email}</span>
              </td>
              <td className="px-4 whitespace-nowrap">{roleName(person.role)}</td>
              <td className="px-4">
                {person.disabledAt === null ? (
                  <StateBadge tone="good" icon={CircleCheck} word="Active" />
                ) : (
                  <StateBadge tone="idle" icon={Ban} word="Disabled" />
                )}
              </td>
              <td className="px-4 whitespace-nowrap">
                <SecondFactor isOn={person.hasSecondFactor} />
              </td>
              <td className="px-4 whitespace-nowrap text-ink-2">{person.lastSeenAt === null ? 'never' : <Ago at={person.lastSeenAt} />}</td>
              <td className="hidden px-4 text-ink-2 tabular-nums lg:table-cell">{person.sessions}</td>
              <td className="hidden px-4 text-ink-2 tabular-nums lg:table-cell">{person.apiKeys}</td>
              {mayManage && <td className="px-4 text-right">{person.mayBeChanged && <Actions person={person} onDeed={onDeed} />}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function SecondFactor({ isOn }: { isOn: boolean }) {
  const Icon = isOn ? ShieldCheck : ShieldOff
  return (
    <span className={isOn ? 'inline-flex items-center gap-1.5' : 'inline-flex items-center gap-1.5 text-ink-3'}>
      <Icon aria-hidden className={isOn ? 'size-3.5 text-good' : 'size-3.5'} />
      {isOn ? 'On' : 'Not set up'}
    </span>
  )
}

const ITEM = 'flex h-8 cursor-pointer items-center gap-2 rounded-sm px-2 outline-none data-[highlighted]:bg-hover'

function Actions({ person, onDeed }: { person: Person; onDeed: PeopleTableProps['onDeed'] }) {
  const isActive = person.disabledAt === null
  const deeds = [
    { deed: 'role', title: 'Change the role', icon: UserCog, isOffered: true },
    { deed: 'reset', title: 'Offer a new password', icon: KeyRound, isOffered: isActive && !person.isYou },
    { deed: 'disable', title: 'Disable', icon: UserRoundX, isOffered: isActive },
    { deed: 'enable', title: 'Enable', icon: UserRoundCheck, isOffered: !isActive },
  ] as const
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger
        aria-label={`Change ${person.name}`}
        title={`Change ${person.name}`}
        className="inline-flex size-7 items-center justify-center rounded-md text-ink-3 hover:bg-hover hover:text-ink"
      >
        <EllipsisVertical aria-hidden className="size-4" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={4}
          className="z-50 min-w-48 rounded-lg border border-line bg-raised p-1 shadow-float animate-appear"
        >
          {deeds
            .filter(({ isOffered }) => isOffered)
            .map(({ deed, title, icon: Icon }) => (
              <DropdownMenu.Item key={deed} className={ITEM} onSelect={() => onDeed(deed, person)}>
                <Icon aria-hidden className="size-4 text-ink-3" />
                {title}
              </DropdownMenu.Item>
            ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  )
}
