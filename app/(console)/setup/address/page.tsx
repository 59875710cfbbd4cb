import type { Metadata } from 'next'
import { AddressPage } from '../../../setup/address/address-page.tsx'

export const metadata: Metadata = { title: 'Public address' }

export default function Page() {
  return <AddressPage />
}
