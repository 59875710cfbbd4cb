'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type Answers, api } from '../../api.ts'
import { Button } from '../../components/button.tsx'
import { Card, CardHeader, Fact, Facts } from '../../components/card.tsx'
import { Id } from '../../components/copyable.tsx'
import { FailureNote } from '../../components/states.tsx'
import { Ago, LocalTime } from '../../components/time.tsx'
import { SetupFrame, useMayReadSetup } from '../setup-frame.tsx'
import { StepSentence } from '../step-state.tsx'
import { Authorities } from './authorities.tsx'

type Address = Answers['setup']['getAddress']
const ADDRESS = ['setup-address']

/** Whether Macs reach this appliance under its public address, and whether they trust what they meet there. */
export function AddressPage() {
  const queries = useQueryClient()
  const address = useQuery({ queryKey: ADDRESS, queryFn: () => api.setup.getAddress.query({}), enabled: useMayReadSetup() })
  const again = useMutation({
    mutationFn: () => api.setup.getAddress.query({ again: true }),
    onSuccess: (facts) => {
      queries.setQueryData(ADDRESS, facts)
      return queries.invalidateQueries({ queryKey: ['setup'] })
    },
  })
  const look = address.data?.mode === 'production' && (
    <Button isBusy={again.isPending} onClick={() => again.mutate()}>
      Look again
    </Button>
  )
  return (
    <SetupFrame
      title="Public address"
      note="Where Macs, browsers and tools reach this appliance. Macs keep it for as long as they are enrolled."
      what="The public address"
      query={address}
      actions={look}
    >
      {(data) => (
        <div className="space-y-4">
          {again.error !== null && <FailureNote error={again.error} />}
          <Card>
            <CardHeader title={data.publicUrl} />
            <div className="divide-y divide-line">
              {data.steps.map((step) => (
                <StepSentence key={step.id} step={step} />
              ))}
              {data.facts !== null && <Seen facts={data.facts} />}
            </div>
          </Card>
          <Authorities address={data} />
        </div>
      )}
    </SetupFrame>
  )
}

const TRUST = {
  public: 'Trusted by every Mac',
  company: 'Under the company’s own authority',
  private: 'Under an authority that Macs do not know',
  broken: 'Trusted by nobody',
} as const

/** What a Mac meets at the address, as it was seen last. */
function Seen({ facts }: { facts: NonNullable<Address['facts']> }) {
  const { certificate, addresses, checkedAt, fault } = facts
  return (
    <Facts>
      <Fact term="Looked at">
        <Ago at={checkedAt} />
      </Fact>
      <Fact term="Resolves to">{addresses.length === 0 ? 'nothing' : addresses.join(', ')}</Fact>
      <Fact term="Answered by">{fault === null ? 'this appliance' : 'not this appliance'}</Fact>
      {certificate !== null && (
        <>
          <Fact term="Certificate">{TRUST[certificate.trust]}</Fact>
          <Fact term="Names">
            {certificate.names}
            {!certificate.namesHost && ' (not this host)'}
          </Fact>
          <Fact term="Issued by">{certificate.issuer}</Fact>
          <Fact term="Expires">
            <LocalTime at={certificate.notAfter} /> (<Ago at={certificate.notAfter} />)
          </Fact>
          <Fact term="SHA-256">
            <Id value={certificate.sha256} what="fingerprint" />
          </Fact>
        </>
      )}
    </Facts>
  )
}
