import type { Metadata } from 'next'
import { InvitePage } from '../../../invite/invite-page.tsx'

export const metadata: Metadata = { title: 'Invite a Mac' }

type Props = { searchParams: Promise<Record<string, string | string[] | undefined>> }

export default async function Page({ searchParams }: Props) {
  const { serial } = await searchParams
  return <InvitePage serial={typeof serial === 'string' ? serial : ''} />
}
