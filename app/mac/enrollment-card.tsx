import Link from 'next/link'
import type { Mac } from '../api.ts'
import { Card, CardHeader, Fact, Facts } from '../components/card.tsx'
import { Id } from '../components/copyable.tsx'
import { Ago } from '../components/time.tsx'

const STATES: Record<string, string> = {
  invited: 'Invited; the link has not been opened',
  profile_issued: 'Profile handed out; waiting for its certificate request',
  acme_attested: 'Identity attested; waiting for the MDM check-in',
  authenticated: 'Checked in; waiting for its push token',
  enrolled: 'Enrolled',
  unenrolled: 'Left: the profile was removed from the Mac',
  superseded: 'Replaced by a newer enrollment',
}

const WAITS_FOR_ITS_LINK = new Set(['invited', 'profile_issued'])

/** How this Mac came in, and under which device identifiers. */
export function EnrollmentCard({ mac }: { mac: Mac }) {
  const { enrollment } = mac
  return (
    <Card>
      <CardHeader title="Enrollment" />
      {enrollment === null ? (
        <p className="px-4 py-3 text-ink-2">
          This Mac has no enrollment.{' '}
          <Link href={`/macs/invite?serial=${mac.serial}`} className="text-accent hover:underline">
            Invite it
          </Link>{' '}
          to get a link.
        </p>
      ) : (
        <Facts>
          <Fact term="State">{STATES[enrollment.state] ?? enrollment.state}</Fact>
          <Fact term="Invited">
            <Ago at={enrollment.createdAt} />
          </Fact>
          {WAITS_FOR_ITS_LINK.has(enrollment.state) && mac.trust !== 'revoked' && (
            <Fact term="Link expires">
              <Ago at={enrollment.linkExpiresAt} />
            </Fact>
          )}
          {enrollment.enrolledAt !== null && (
            <Fact term="Enrolled">
              <Ago at={enrollment.enrolledAt} />
            </Fact>
          )}
          {enrollment.unreachableAt !== null && (
            <Fact term="Push">
              <span className="text-bad">
                Apple gave its push token up <Ago at={enrollment.unreachableAt} />: it cannot be woken until it speaks by itself. If it was
                erased, enroll it anew.
              </span>
            </Fact>
          )}
          {enrollment.lastSeenAt !== null && (
            <Fact term="MDM last seen">
              <Ago at={enrollment.lastSeenAt} />
            </Fact>
          )}
          {enrollment.provisioningUdid !== null && (
            <Fact term="Attested UDID">
              <Id value={enrollment.provisioningUdid} what="provisioning UDID" />
            </Fact>
          )}
          {enrollment.udid !== null && (
            <Fact term="MDM UDID">
              <Id value={enrollment.udid} what="MDM UDID" />
            </Fact>
          )}
        </Facts>
      )}
    </Card>
  )
}
