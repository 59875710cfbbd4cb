import type { Metadata } from 'next'
import { MigrationPage } from '../../../setup/migration/migration-page.tsx'

export const metadata: Metadata = { title: 'Moving from another MDM' }

export default function Page() {
  return <MigrationPage />
}
