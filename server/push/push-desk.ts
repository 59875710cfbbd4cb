import { X509Certificate } from 'node:crypto'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { SecretBox } from '../secrets.ts'
import type { Store } from '../store/client.ts'
import { countEnrolled } from '../store/enrollment-lookup.ts'
import { findPushRequest } from '../store/push-requests.ts'
import { countUnreachable, countWishes } from '../store/push-wishes.ts'
import { describePushCertificate, readPushCertificate } from './certificate.ts'
import { PushCertificateFault, type PushCertificateFaultCode } from './certificate-fault.ts'
import { requestPem } from './certificate-request.ts'
import { findInstalledPushCertificate, installPushCertificate } from './installed-certificate.ts'
import { openMdmcertMail, sendToMdmcert } from './mdmcert.ts'
import { createPushRequest, discardPushRequest, findRequestKey, keepSignedRequest, requirePushRequest } from './push-request.ts'
import { signRequest } from './signed-request.ts'
import { readVendorIdentity } from './vendor-identity.ts'
import type { PushWeather } from './wake-queue.ts'

/** How the push certificate stands, and how far the request for one has come. */
export type PushSetup = {
  isEvaluation: boolean
  installed: {
    topic: string
    sha256: string
    issuer: string
    notBefore: Date
    notAfter: Date
    installedAt: Date | null
    /** `PUSH_CERT_EXPIRED` once it has. */
    fault: 'PUSH_CERT_EXPIRED' | null
    daysLeft: number
  } | null
  request: {
    organization: string
    email: string
    createdAt: Date
    csrPem: string
    vendor: string | null
    sentAt: Date | null
    signedAt: Date | null
    signedRequest: string | null
  } | null
  macs: { enrolled: number; unreachable: number; due: number }
  service: { state: PushWeather['state']; reason: string | null; since: Date | null }
}

/** A step that was not taken says why: a stable code, and what to do. */
export type StepResult<Done extends object = object> =
  | ({ outcome: 'done' } & Done)
  | { outcome: 'refused'; code: PushCertificateFaultCode; sentence: string; macsLost: number | null }

type Upload = { file: Uint8Array; password?: string | undefined }

export type PushDesk = {
  read(): Promise<PushSetup>
  createRequest(wish: { organization: string; email: string }, by: Actor): Promise<StepResult>
  discardRequest(by: Actor): Promise<StepResult>
  /** With the customer's own MDM vendor certificate, which is not kept. */
  signRequest(vendor: Upload, by: Actor): Promise<StepResult<{ vendorName: string }>>
  acceptSigned(file: Uint8Array, by: Actor): Promise<StepResult<{ vendorName: string }>>
  sendToMdmcert(wish: { apiKey: string; email?: string | undefined }, by: Actor): Promise<StepResult<{ email: string }>>
  openMail(file: Uint8Array, by: Actor): Promise<StepResult<{ vendorName: string }>>
  install(
    certificate: Upload & { losingMacs?: number | undefined },
    by: Actor,
  ): Promise<StepResult<{ topic: string; isRenewal: boolean; macsLost: number }>>
}

export type PushDeskDeps = {
  store: Store
  secrets: SecretBox
  clock: Clock
  mdmcertUrl: string
  weather(): PushWeather
  /** Evaluation mode: the software Apple's. No other is used then, and none can be asked for. */
  evaluationCertificatePem: string | undefined
}

const DAY_MS = 24 * 3600_000

/** The set-up of the push certificate, as the console works on it. */
export function createPushDesk(deps: PushDeskDeps): PushDesk {
  const { store, clock } = deps
  const mdmcert = { ...deps, url: deps.mdmcertUrl }
  const step = async <Done extends object>(work: () => Promise<Done>): Promise<StepResult<Done>> => {
    if (deps.evaluationCertificatePem !== undefined) throw new AppError('conflict', { public: EVALUATION })
    try {
      return { outcome: 'done', ...(await work()) }
    } catch (error) {
      if (!(error instanceof PushCertificateFault)) throw error
      return { outcome: 'refused', code: error.code, sentence: error.message, macsLost: error.macsLost ?? null }
    }
  }
  return {
    read: () => read(deps),
    createRequest: (wish, actor) =>
      step(async () => {
        await createPushRequest(deps, { ...wish, actor })
        return {}
      }),
    discardRequest: (actor) =>
      step(async () => {
        await discardPushRequest(deps, actor)
        return {}
      }),
    signRequest: ({ file, password }, actor) =>
      step(async () => {
        const { csr } = await requirePushRequest(store)
        const signed = signRequest(csr, readVendorIdentity(file, { now: clock.now(), password }))
        const { vendorName } = await keepSignedRequest(deps, { file: Buffer.from(signed), vendor: 'own', actor })
        return { vendorName }
      }),
    acceptSigned: (file, actor) =>
      step(async () => ({ vendorName: (await keepSignedRequest(deps, { file, vendor: 'elsewhere', actor })).vendorName })),
    sendToMdmcert: ({ apiKey, email }, actor) => step(() => sendToMdmcert(mdmcert, { apiKey, ...(email && { email }), actor })),
    openMail: (file, actor) => step(async () => ({ vendorName: (await openMdmcertMail(deps, { file, actor })).vendorName })),
    install: ({ file, password, losingMacs }, actor) =>
      step(async () => {
        const requestKey = await findRequestKey(deps)
        const certificate = readPushCertificate(file, { now: clock.now(), password, requestKey, strictIssuer: true })
        const { replaced, macsLost } = await installPushCertificate(deps, certificate, { actor, losingMacs })
        return { topic: certificate.topic, isRenewal: replaced !== null, macsLost }
      }),
  }
}

const EVALUATION =
  'In evaluation mode the software Apple brings its own push certificate. A request made here could not be used in production, which has a database and a secret of its own.'

async function read(deps: PushDeskDeps): Promise<PushSetup> {
  const { store, clock } = deps
  const now = clock.now()
  const [installed, request, enrolled, unreachable, due] = await Promise.all([
    findInstalled(deps, now),
    findPushRequest(store),
    countEnrolled(store),
    countUnreachable(store),
    countWishes(store, now),
  ])
  const weather = deps.weather()
  const isBad = weather.state === 'refused' || weather.state === 'unreachable'
  return {
    isEvaluation: deps.evaluationCertificatePem !== undefined,
    installed,
    request: request === undefined ? null : { ...request, csrPem: requestPem(request.csr) },
    macs: { enrolled, unreachable, due },
    service: { state: weather.state, reason: isBad ? weather.reason : null, since: isBad ? weather.since : null },
  }
}

async function findInstalled(deps: PushDeskDeps, now: Date): Promise<PushSetup['installed']> {
  const pem = deps.evaluationCertificatePem
  const stored = pem === undefined ? await findInstalledPushCertificate(deps) : undefined
  const certificatePem = pem ?? stored?.certificatePem
  if (certificatePem === undefined) return null
  const certificate = new X509Certificate(certificatePem)
  const described = describePushCertificate(certificate)
  const left = described.notAfter.getTime() - now.getTime()
  return {
    ...described,
    issuer: certificate.issuer.split('\n').join(', '),
    installedAt: stored?.installedAt ?? null,
    fault: left > 0 ? null : 'PUSH_CERT_EXPIRED',
    daysLeft: Math.floor(left / DAY_MS),
  }
}
