import { rootCertificates } from 'node:tls'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { type Endpoint, type Handshake, shakeHands, type Unreached } from './handshake.ts'

/** A host outside the house that this appliance speaks to, and why. */
export type OutsideHost = Endpoint & {
  id: 'push' | 'enrollment' | 'mdmcert'
  why: string
  /** `always`; `apple-business`: once linked; `on-request`: only while an administrator asks for it. */
  when: 'always' | 'apple-business' | 'on-request'
}

/** What others have to reach; nothing of it is tried from here. */
export type OthersHost = { host: string; ports: string; who: 'Macs' | 'administrator'; why: string }

export type EgressResult = { id: OutsideHost['id']; at: Date; isReached: boolean; sentence: string }

export const outsideHosts = (options: { mdmcertUrl: string }): OutsideHost[] => {
  const mdmcert = new URL(options.mdmcertUrl)
  const port = Number(mdmcert.port || 443)
  return [
    { id: 'push', host: 'api.push.apple.com', port: 443, when: 'always', why: 'Wakes Macs through Apple’s push service.' },
    {
      ...{ id: 'enrollment', host: 'mdmenrollment.apple.com', port: 443, when: 'apple-business' },
      why: 'Reads which Macs Apple Business assigns here, and gives them their enrollment profile.',
    },
    {
      ...{ id: 'mdmcert', host: mdmcert.hostname, port, when: 'on-request' },
      why: 'Signs the request for a push certificate, where the company has no MDM vendor certificate of its own.',
    },
  ]
}

/** Apple: “Use Apple products on enterprise networks” (support.apple.com/101555), as far as Macs managed here need it. */
export const OTHERS_HOSTS: readonly OthersHost[] = [
  { who: 'Macs', host: '*.push.apple.com', ports: '443, 2197, 5223', why: 'Hear Apple’s push service.' },
  {
    who: 'Macs',
    host: 'deviceenrollment.apple.com, iprofiles.apple.com',
    ports: '443',
    why: 'Automated Device Enrollment in Setup Assistant.',
  },
  { who: 'Macs', host: 'albert.apple.com, gs.apple.com', ports: '443', why: 'Activation, and installing macOS.' },
  {
    who: 'Macs',
    host: '*.apple.com',
    ports: '443',
    why: 'Have themselves attested. Apple does not list the host of this service by name.',
  },
  {
    who: 'Macs',
    host: 'time.apple.com, time-macos.apple.com',
    ports: '123 (UDP)',
    why: 'Know the time: certificates and evidence depend on it.',
  },
  { who: 'administrator', host: 'identity.apple.com', ports: '443', why: 'Obtain and renew the push certificate.' },
  { who: 'administrator', host: 'business.apple.com', ports: '443', why: 'Assign Macs to this appliance.' },
]

export type Egress = {
  /** The last result of each host since the appliance started. */
  results(): EgressResult[]
  /** A TLS handshake with every host of the list, and with nobody else. Throws AppError `too_many_requests`. */
  tryAll(): Promise<EgressResult[]>
}

const PAUSE_MS = 10_000

export function createEgress(deps: { clock: Clock; hosts: readonly OutsideHost[]; ca?: readonly string[] }): Egress {
  const { clock, hosts, ca = rootCertificates } = deps
  let last: EgressResult[] = []
  let underWay: Promise<EgressResult[]> | undefined
  let triedAt = Number.NEGATIVE_INFINITY
  const round = async (): Promise<EgressResult[]> => {
    last = await Promise.all(
      hosts.map(async (host) => ({ id: host.id, at: clock.now(), ...inWords(host, await shakeHands(host, { ca })) })),
    )
    return last
  }
  return {
    results: () => last,
    tryAll: () => {
      if (underWay !== undefined) return underWay
      const waitMs = triedAt + PAUSE_MS - clock.now().getTime()
      if (waitMs > 0) {
        throw new AppError('too_many_requests', { public: `This was tried a moment ago. Try again in ${Math.ceil(waitMs / 1000)} s.` })
      }
      triedAt = clock.now().getTime()
      underWay = round().finally(() => {
        underWay = undefined
      })
      return underWay
    },
  }
}

/** What a handshake with one of them means, and what to do about it. */
export function inWords({ host, port }: Endpoint, outcome: Handshake | Unreached): Pick<EgressResult, 'isReached' | 'sentence'> {
  const bad = (sentence: string) => ({ isReached: false, sentence })
  if ('unreached' in outcome) {
    if (outcome.unreached === 'no_address') return bad(`No address was found for ${host}. Let this machine’s name server answer for it.`)
    if (outcome.unreached === 'refused')
      return bad(`${host} refuses the connection: a firewall in between does so in its name. Allow port ${port}.`)
    if (outcome.unreached === 'timeout') return bad(`${host} did not answer in time. Allow outgoing connections to its port ${port}.`)
    if (outcome.unreached === 'no_tls')
      return bad(`What answers at ${host} does not speak TLS (${outcome.detail}): something stands in between.`)
    return bad(`${host} could not be reached: ${outcome.detail}.`)
  }
  const issuer = outcome.certificate.issuer.split('\n').at(-1)?.slice(0, 120) ?? ''
  if (outcome.fault !== undefined) {
    return bad(`A certificate of “${issuer}” was shown for ${host}: something in between opens TLS. Let this connection through unopened.`)
  }
  if (!outcome.namesHost) return bad(`Another server answers in the place of ${host}.`)
  return { isReached: true, sentence: 'Reached; its certificate is genuine.' }
}
