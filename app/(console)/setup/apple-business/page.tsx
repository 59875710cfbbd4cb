import type { Metadata } from 'next'
import { AppleBusinessPage } from '../../../setup/apple-business/apple-business-page.tsx'

export const metadata: Metadata = { title: 'Apple Business' }

export default function Page() {
  return <AppleBusinessPage />
}
