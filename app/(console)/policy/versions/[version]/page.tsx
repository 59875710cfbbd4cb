import type { Metadata } from 'next'
import { VersionPage } from '../../../../policy/version-page.tsx'

export const metadata: Metadata = { title: 'Policy version' }

export default async function Page({ params }: { params: Promise<{ version: string }> }) {
  return <VersionPage version={Number((await params).version)} />
}
