'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Check, Minus } from 'lucide-react'
import { type Answers, api, type Role } from '../api.ts'
import { Card, CardHeader } from '../components/card.tsx'
import { ScrollRegion } from '../components/scroll-region.tsx'
import { FailedState, FailureNote, LoadingRows } from '../components/states.tsx'
import { roleName } from '../role-name.ts'

type Review = Answers['people']['getAccessReview']

/** The rules as the server applies them, for whoever reviews who has access. */
export function AccessReview() {
  const review = useQuery({ queryKey: ['access-review'], queryFn: () => api.people.getAccessReview.query(), staleTime: 60_000 })
  return (
    <Card className="overflow-hidden">
      <CardHeader title="Who may do what" note="as the appliance applies it" />
      {review.data !== undefined ? (
        <Matrix review={review.data} />
      ) : review.isError ? (
        <FailedState error={review.error} retry={() => void review.refetch()} what="The rules could not be loaded" />
      ) : (
        <LoadingRows rows={8} label="Loading the rules" />
      )}
    </Card>
  )
}

function Matrix({ review }: { review: Review }) {
  return (
    <ScrollRegion label="Who may do what" className="relative overflow-x-auto">
      <table className="w-full text-left">
        <thead className="text-xs text-ink-3">
          <tr className="border-b border-line">
            <th className="px-4 py-2 font-medium">Somebody with this role may …</th>
            {review.roles.map(({ role }) => (
              <th key={role} className="px-3 py-2 text-center font-medium whitespace-nowrap">
                {roleName(role)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {review.permissions.map((permission) => (
            <Line key={permission} title={permission} review={review} isYes={({ may }) => may.includes(permission)} />
          ))}
          {review.roles.map(({ role }) => (
            <Line
              key={role}
              title={`invite, change and disable people who are ${roleName(role)}`}
              review={review}
              isYes={({ mayManage }) => mayManage.includes(role)}
            />
          ))}
          <SecondFactorLine review={review} />
        </tbody>
      </table>
    </ScrollRegion>
  )
}

type LineProps = { title: string; review: Review; isYes: (role: Review['roles'][number]) => boolean }

function Line({ title, review, isYes }: LineProps) {
  return (
    <tr className="h-8">
      <th scope="row" className="px-4 font-normal">
        {title}
      </th>
      {review.roles.map((role) => (
        <td key={role.role} className="px-3 text-center">
          {isYes(role) ? (
            <Check aria-hidden className="mx-auto size-4 text-good" />
          ) : (
            <Minus aria-hidden className="mx-auto size-4 text-ink-3 opacity-40" />
          )}
          <span className="sr-only">{isYes(role) ? 'yes' : 'no'}</span>
        </td>
      ))}
    </tr>
  )
}

function SecondFactorLine({ review }: { review: Review }) {
  const queries = useQueryClient()
  const set = useMutation({
    mutationFn: (rule: { role: Role; isNeeded: boolean }) => api.people.setSecondFactorRule.mutate(rule),
    onSettled: () => queries.invalidateQueries({ queryKey: ['access-review'] }),
  })
  return (
    <>
      <tr className="h-9 border-t-2 border-line bg-sunken">
        <th scope="row" className="px-4 font-normal">
          has to set up a second factor before anything else
        </th>
        {review.roles.map(({ role, needsSecondFactor }) => (
          <td key={role} className="px-3 text-center">
            <input
              type="checkbox"
              aria-label={`${roleName(role)} needs a second factor`}
              checked={needsSecondFactor}
              disabled={!review.maySetSecondFactorRules || set.isPending}
              onChange={(event) => set.mutate({ role, isNeeded: event.target.checked })}
              className="size-4 accent-accent-fill"
            />
          </td>
        ))}
      </tr>
      {set.error !== null && (
        <tr>
          <td colSpan={review.roles.length + 1} className="p-3">
            <FailureNote error={set.error} />
          </td>
        </tr>
      )}
    </>
  )
}
