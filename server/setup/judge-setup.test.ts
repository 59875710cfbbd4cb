import { describe, expect, test } from 'vitest'
import { outsideHosts } from './egress.ts'
import type { SetupFacts, StepId } from './facts.ts'
import { countLeft, judgeSetup } from './judge-setup.ts'
import type { AddressFacts, CertificateFacts } from './public-address.ts'

const NOW = new Date('2026-11-21T12:00:00Z')
const inDays = (days: number): Date => new Date(NOW.getTime() + days * 24 * 3600_000)

const CERTIFICATE: CertificateFacts = {
  subject: 'CN=espalier.example',
  issuer: 'O=A Public Authority',
  notBefore: inDays(-30),
  notAfter: inDays(60),
  sha256: 'ab'.repeat(32),
  namesHost: true,
  names: 'DNS:espalier.example',
  trust: 'public',
  chainFault: null,
}
const ADDRESS: AddressFacts = { checkedAt: NOW, addresses: ['192.0.2.1'], certificate: CERTIFICATE, fault: null }
const HOSTS = outsideHosts({ mdmcertUrl: 'https://mdmcert.download/api/v1/signrequest' })
const reached = (id: 'push' | 'enrollment', isReached = true) => ({
  id,
  at: NOW,
  isReached,
  sentence: isReached ? 'Reached.' : 'Not reached.',
})

/** Production with everything in place. */
const READY: SetupFacts = {
  mode: 'production',
  publicUrl: 'https://espalier.example',
  address: ADDRESS,
  anchors: 0,
  push: {
    installed: {
      ...{ topic: 'com.apple.mgmt.x', sha256: 'cd', issuer: 'Apple', notBefore: inDays(-5), notAfter: inDays(360), installedAt: NOW },
      ...{ fault: null, daysLeft: 360 },
    },
    service: { state: 'fair', reason: null, since: null },
  },
  appleBusiness: [{ state: 'current', fault: null, devices: 12, server: null }],
  inventory: { macs: 12, enrolled: 9, trusted: 8, external: 0 },
  moving: { total: 0, next: null },
  signer: {
    ...{ subject: 'CN=IT', issuer: 'O=A', notAfter: inDays(200), installedAt: NOW, isExpired: false },
    verifiedBy: 'everybody',
  },
  secret: { source: 'environment', previous: 0 },
  people: { approvers: 2, owners: 1, ownersWithoutSecondFactor: 0 },
  egress: { hosts: HOSTS, results: [reached('push'), reached('enrollment')] },
}

const judged = (change: Partial<SetupFacts>, id: StepId) => {
  const step = judgeSetup({ ...READY, ...change }, NOW).find((each) => each.id === id)
  if (step === undefined) throw new Error(`no step ${id}`)
  return step
}
const withCertificate = (change: Partial<CertificateFacts>): Partial<SetupFacts> => ({
  address: { ...ADDRESS, certificate: { ...CERTIFICATE, ...change } },
})
const withFault = (code: NonNullable<AddressFacts['fault']>['code'], detail = 'x'): Partial<SetupFacts> => ({
  address: { ...ADDRESS, certificate: null, fault: { code, detail } },
})

test('with everything in place nothing is left', () => {
  const steps = judgeSetup(READY, NOW)
  expect(steps.filter(({ state }) => state !== 'done').map(({ id, state }) => [id, state])).toEqual([['migration', 'not-needed']])
  expect(countLeft(steps)).toBe(0)
})

test('evaluation needs nothing of it, and each step says what production asks for', () => {
  const empty = { macs: 0, enrolled: 0, trusted: 0, external: 0 }
  const steps = judgeSetup({ ...READY, mode: 'evaluation', publicUrl: 'http://localhost:3200', address: null, inventory: empty }, NOW)
  for (const id of ['public-address', 'server-trust', 'secret', 'people', 'push', 'egress']) {
    const step = steps.find((each) => each.id === id)
    expect([id, step?.state]).toEqual([id, 'not-needed'])
    expect(step?.sentence).toContain('In production:')
  }
})

describe('each fault alone is said', () => {
  const cases: [string, StepId, Partial<SetupFacts>, string, RegExp][] = [
    ['plain HTTP', 'public-address', { publicUrl: 'http://espalier.example' }, 'wrong', /plain HTTP/],
    ['an address never looked at', 'public-address', { address: null }, 'todo', /not been looked at/],
    ['no address', 'public-address', withFault('no_address'), 'wrong', /No address is known for espalier\.example/],
    ['a refused connection', 'public-address', withFault('refused'), 'wrong', /refuses connections to port 443/],
    ['no answer', 'public-address', withFault('timeout'), 'wrong', /did not answer on port 443/],
    ['no TLS', 'public-address', withFault('no_tls', 'EPROTO'), 'wrong', /does not speak TLS \(EPROTO\)/],
    ['a redirect', 'public-address', withFault('redirected', 'https://sso.example'), 'wrong', /leads elsewhere: https:\/\/sso\.example/],
    ['another server', 'public-address', withFault('other_server', 'HTTP 404'), 'wrong', /Another server answers at .* \(HTTP 404\)/],
    [
      'another host’s certificate',
      'public-address',
      withCertificate({ namesHost: false, names: 'DNS:other' }),
      'wrong',
      /it names DNS:other/,
    ],
    ['an expired certificate', 'public-address', withCertificate({ notAfter: inDays(-1) }), 'wrong', /expired on 2026-11-20/],
    ['a certificate not renewed', 'public-address', withCertificate({ notAfter: inDays(6) }), 'wrong', /expires on 2026-11-27/],
    ['an unknown authority', 'server-trust', withCertificate({ trust: 'private' }), 'todo', /Macs do not know/],
    [
      'an authority beside ours',
      'server-trust',
      { ...withCertificate({ trust: 'private' }), anchors: 1 },
      'wrong',
      /not under the authority/,
    ],
    [
      ...(['a broken chain', 'server-trust', withCertificate({ trust: 'broken', chainFault: 'CERT_HAS_EXPIRED' })] as const),
      ...(['wrong', /a certificate of its chain has expired/] as const),
    ],
    ['no certificate seen', 'server-trust', { address: null }, 'todo', /No certificate has been seen/],
    ['a generated secret', 'secret', { secret: { source: 'generated', previous: 0 } }, 'wrong', /generated here/],
    ['an old secret kept', 'secret', { secret: { source: 'environment', previous: 1 } }, 'todo', /was replaced/],
    ['one person alone', 'people', { people: { ...READY.people, approvers: 1 } }, 'todo', /One person alone/],
    [
      'an owner without a second factor',
      'people',
      { people: { ...READY.people, ownersWithoutSecondFactor: 1 } },
      'todo',
      /The owner has no second/,
    ],
    ['one of two owners without', 'people', { people: { approvers: 3, owners: 2, ownersWithoutSecondFactor: 1 } }, 'todo', /1 of 2 owners/],
    ['no push certificate', 'push', { push: { ...READY.push, installed: null } }, 'todo', /No push certificate/],
    [
      'a host that fails',
      'egress',
      { egress: { hosts: HOSTS, results: [reached('push', false), reached('enrollment')] } },
      'wrong',
      /Not reached/,
    ],
    ['hosts not tried', 'egress', { egress: { hosts: HOSTS, results: [] } }, 'todo', /has not been tried/],
    ['an empty inventory', 'inventory', { inventory: { ...READY.inventory, macs: 0 } }, 'todo', /empty/],
    ['no Mac trusted', 'first-mac', { inventory: { ...READY.inventory, trusted: 0 } }, 'todo', /none is trusted yet/],
    ['no Mac enrolled', 'first-mac', { inventory: { ...READY.inventory, trusted: 0, enrolled: 0 } }, 'todo', /No Mac has enrolled/],
    ['our own signer', 'signer', { signer: null }, 'todo', /shows them as unverified/],
    ['a signer soon expired', 'signer', { signer: READY.signer && { ...READY.signer, notAfter: inDays(3) } }, 'wrong', /expires in 3 days/],
    [
      'a signer nobody knows',
      'signer',
      { signer: READY.signer && { ...READY.signer, verifiedBy: 'nobody' } },
      'todo',
      /no authority known here/,
    ],
    ['no Apple Business', 'apple-business', { appleBusiness: [] }, 'todo', /Not linked/],
    ['Macs of another MDM', 'migration', { inventory: { ...READY.inventory, external: 2 } }, 'todo', /2 Macs belong to another/],
    [
      ...(['Macs on their way', 'migration'] as const),
      { moving: { total: 3, next: { serial: 'C02AAAAAAAA1', name: null, deadline: inDays(4), profileStatus: null } } },
      ...(['todo', /3 Macs are to move here .* the first by 2026-11-25/] as const),
    ],
    [
      ...(['a deadline that passed', 'migration'] as const),
      { moving: { total: 1, next: { serial: 'C02AAAAAAAA1', name: null, deadline: inDays(-4), profileStatus: null } } },
      ...(['wrong', /a deadline has passed on 2026-11-17/] as const),
    ],
  ]
  test.each(cases)('%s', (_, id, change, state, sentence) => {
    const step = judged(change, id)
    expect([step.state, step.sentence]).toEqual([state, expect.stringMatching(sentence)])
    expect(step.remedy).not.toBeNull()
    const others = judgeSetup({ ...READY, ...change }, NOW).filter((each) => each.id !== id && ['todo', 'wrong'].includes(each.state))
    const isOfTheAddress = ['public-address', 'server-trust', 'first-mac'].includes(id)
    if (!isOfTheAddress) expect(others).toEqual([])
  })
})

test('an optional step left undone is not counted, a broken one is', () => {
  expect(countLeft(judgeSetup({ ...READY, appleBusiness: [], signer: null }, NOW))).toBe(0)
  const failing = { state: 'failing', fault: { code: 'TOKEN_EXPIRED', sentence: 'It has expired.' }, devices: 0, server: null } as const
  expect(countLeft(judgeSetup({ ...READY, appleBusiness: [failing] }, NOW))).toBe(1)
})

test('a certificate that lives for six days is not called late on its first', () => {
  const short = { notBefore: inDays(-1), notAfter: inDays(5) }
  expect(judged(withCertificate(short), 'public-address').state).toBe('done')
  expect(judged(withCertificate({ notBefore: inDays(-5), notAfter: inDays(1) }), 'public-address').state).toBe('wrong')
})

test('without Apple Business its host need not be reached', () => {
  const change = { appleBusiness: [], egress: { hosts: HOSTS, results: [reached('push')] } }
  expect(judged(change, 'egress').state).toBe('done')
})
