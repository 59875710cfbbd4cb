import type { Metadata } from 'next'
import { MacsPage } from '../../macs/macs-page.tsx'

export const metadata: Metadata = { title: 'Macs' }

export default function Page() {
  return <MacsPage />
}
