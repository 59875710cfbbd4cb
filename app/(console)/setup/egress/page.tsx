import type { Metadata } from 'next'
import { EgressPage } from '../../../setup/egress/egress-page.tsx'

export const metadata: Metadata = { title: 'Outside hosts' }

export default function Page() {
  return <EgressPage />
}
