import type { Metadata } from 'next'
import { EditPolicyPage } from '../../../policy/edit-policy-page.tsx'

export const metadata: Metadata = { title: 'Propose a policy' }

export default function Page() {
  return <EditPolicyPage />
}
