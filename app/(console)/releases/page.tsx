import type { Metadata } from 'next'
import { ReleasesPage } from '../../releases/releases-page.tsx'

export const metadata: Metadata = { title: 'Agent releases' }

export default function Page() {
  return <ReleasesPage />
}
