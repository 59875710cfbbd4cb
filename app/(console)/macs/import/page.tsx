import type { Metadata } from 'next'
import { ImportPage } from '../../../import/import-page.tsx'

export const metadata: Metadata = { title: 'Import Macs' }

export default function Page() {
  return <ImportPage />
}
