'use client'
import { LogOut } from 'lucide-react'
import type { Session } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader, Fact, Facts } from '../components/card.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { LoadingRows } from '../components/states.tsx'
import { roleName } from '../role-name.ts'
import { signOut } from '../sign-in-client.ts'
import { useSession } from '../use-session.ts'
import { ChangePassword } from './change-password.tsx'
import { SecondFactor } from './second-factor.tsx'
import { Sessions } from './sessions.tsx'

export function AccountPage() {
  const session = useSession()
  return (
    <div className="mx-auto max-w-4xl">
      <PageHeader title="Account" note="Who you are here, and where you are signed in.">
        <Button onClick={() => void signOut()}>
          <LogOut aria-hidden className="size-3.5" />
          Sign out
        </Button>
      </PageHeader>
      <div className="space-y-4">
        <Card>
          <CardHeader title="You" />
          {session === undefined ? <LoadingRows rows={3} label="Loading your account" /> : <You session={session} />}
        </Card>
        <ChangePassword />
        <SecondFactor />
        <Sessions />
      </div>
    </div>
  )
}

function You({ session }: { session: Session }) {
  const { user, may } = session
  return (
    <Facts>
      <Fact term="Name">{user.name}</Fact>
      <Fact term="Email">{user.email}</Fact>
      <Fact term="Role">{roleName(user.role)}</Fact>
      <Fact term="You may">
        <ul className="space-y-0.5">
          {may.map((permission) => (
            <li key={permission}>{permission.replace('their own', 'your own')}</li>
          ))}
        </ul>
      </Fact>
    </Facts>
  )
}
