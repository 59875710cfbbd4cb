import type { Metadata } from 'next'
import { MacPage } from '../../../mac/mac-page.tsx'

export const metadata: Metadata = { title: 'Mac' }

export default async function Page({ params }: { params: Promise<{ mac: string }> }) {
  return <MacPage id={(await params).mac} />
}
