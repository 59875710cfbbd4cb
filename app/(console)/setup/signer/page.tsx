import type { Metadata } from 'next'
import { SignerPage } from '../../../setup/signer/signer-page.tsx'

export const metadata: Metadata = { title: 'Signing identity' }

export default function Page() {
  return <SignerPage />
}
