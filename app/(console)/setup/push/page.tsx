import type { Metadata } from 'next'
import { PushPage } from '../../../setup/push-page.tsx'

export const metadata: Metadata = { title: 'Push certificate' }

export default function Page() {
  return <PushPage />
}
