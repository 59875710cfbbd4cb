import { execFileSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { createPushAuthority, OTHER_TOPIC, TOPIC } from '../../../test/support/push-certificates.ts'
import { pushDeskIn } from '../../../test/support/push-desk.ts'
import type { Role } from '../../auth/permissions.ts'
import { systemClock } from '../../clock.ts'
import { createPushDesk } from '../../push/push-desk.ts'
import type { ConsoleDeps } from '../context.ts'
import { createCaller } from '../procedure.ts'
import { appRouter } from '../root.ts'

const authority = createPushAuthority()
const base64 = (bytes: string | Buffer): string => Buffer.from(bytes).toString('base64')
let database: TestDatabase
let deps: ConsoleDeps

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  await database.store.$executeRaw`TRUNCATE "PushRequest", "WrappedKey", "Enrollment", "Mac", "AuditEvent" CASCADE`
  deps = { store: database.store, clock: systemClock, push: pushDeskIn(database.store) } as ConsoleDeps
})

function as(role: Role, { steppedUp = true } = {}) {
  const user = { id: 'usr_x', email: 'x@example.com', name: 'X', role }
  const signedIn = { sessionId: 'usn_x', steppedUpAt: steppedUp ? new Date() : null, lacksSecondFactor: false, user }
  return createCaller(appRouter)({ deps, signedIn: signedIn as never, ip: '192.0.2.1' }).push
}

async function addMac(id: string): Promise<void> {
  const at = new Date()
  await database.store.mac.create({ data: { id, serial: id, addedAt: at } })
  const times = { linkHash: Buffer.from(id), linkExpiresAt: at, createdAt: at }
  await database.store.enrollment.create({ data: { id, macId: id, state: 'enrolled', topic: TOPIC, ...times } })
}

describe('the set-up of the push certificate', () => {
  test('goes from nothing to a certificate in force, and shows each step as it stands', async () => {
    const push = as('it_admin')
    expect(await push.getPushSetup()).toMatchObject({ isEvaluation: false, installed: null, request: null })
    expect(await push.createPushRequest({ organization: 'Example AG', email: 'it@example.com' })).toEqual({ outcome: 'done' })
    const { request } = await push.getPushSetup()
    expect(request).toMatchObject({ organization: 'Example AG', signedRequest: null })
    const pem = execFileSync('openssl', ['req', '-noout', '-pubkey'], { input: request?.csrPem, encoding: 'utf8' })
    const { certificate } = authority.issue({ publicKey: createPublicKey(pem) })
    expect(await push.importPushCertificate({ file: base64(certificate) })).toEqual({
      outcome: 'done',
      topic: TOPIC,
      isRenewal: false,
      macsLost: 0,
    })
    expect(await push.getPushSetup()).toMatchObject({ installed: { topic: TOPIC, fault: null, daysLeft: 364 }, request: null })
    const actors = (await database.store.auditEvent.findMany()).map(({ actor }) => actor)
    expect(new Set(actors)).toEqual(new Set(['user:usr_x']))
  })

  test('says in words and by a code why a file is not taken', async () => {
    const push = as('owner')
    const refusal = async (file: string | Buffer) => push.importPushCertificate({ file: base64(file) })
    expect(await refusal('garbage')).toMatchObject({ outcome: 'refused', code: 'not_a_key_file' })
    expect(await refusal(authority.issue().certificate)).toMatchObject({ outcome: 'refused', code: 'private_key_missing' })
    expect(await refusal(createPushAuthority('Somebody').issue().pem)).toMatchObject({ outcome: 'refused', code: 'issuer_not_apple' })
    await expect(push.importPushCertificate({ file: 'not base64!' })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(await push.acceptSignedRequest({ file: base64('x') })).toMatchObject({ outcome: 'refused', code: 'no_request' })
  })

  test('gives Macs up for another topic only to whoever types their very number', async () => {
    const push = as('owner')
    await push.importPushCertificate({ file: base64(authority.issue().pem) })
    for (const id of ['A', 'B']) await addMac(id)
    const file = base64(authority.issue({ topic: OTHER_TOPIC }).pem)
    expect(await push.importPushCertificate({ file })).toMatchObject({ outcome: 'refused', code: 'other_topic', macsLost: 2 })
    for (const confirmation of ['yes', 'lose Macs', 'lose two Macs', 'LOSE 2 MACS', '2']) {
      await expect(push.replacePushTopic({ file, confirmation })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    }
    expect(await push.replacePushTopic({ file, confirmation: 'lose 1 Mac' })).toMatchObject({ code: 'wrong_confirmation', macsLost: 2 })
    expect((await push.getPushSetup()).installed?.topic).toBe(TOPIC)
    expect(await push.replacePushTopic({ file, confirmation: 'lose 2 Macs' })).toMatchObject({ outcome: 'done', macsLost: 2 })
    expect((await push.getPushSetup()).installed?.topic).toBe(OTHER_TOPIC)
  })

  test('asks for the password again before a certificate is put in force, a topic given up, a request thrown away', async () => {
    const push = as('owner', { steppedUp: false })
    const file = base64(authority.issue().pem)
    const dangerous = [
      () => push.importPushCertificate({ file }),
      () => push.replacePushTopic({ file, confirmation: 'lose 1 Mac' }),
      () => push.discardPushRequest(),
      () => push.signPushRequest({ file }),
    ]
    for (const attempt of dangerous) await expect(attempt()).rejects.toMatchObject({ cause: { code: 'step_up_required' } })
    expect(await push.getPushSetup()).toMatchObject({ installed: null })
  })

  test('is shown to an auditor, who changes nothing', async () => {
    expect(await as('auditor').getPushSetup()).toMatchObject({ installed: null })
    await expect(as('auditor').createPushRequest({ organization: 'E', email: 'e@example.com' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    })
    await expect(as('viewer').getPushSetup()).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  test('is the software Apple’s in evaluation mode, and nothing can be changed there', async () => {
    const certificate = authority.issue().certificate
    const push = createPushDesk({
      ...(deps as never as Parameters<typeof createPushDesk>[0]),
      weather: () => ({ state: 'fair' }),
      evaluationCertificatePem: certificate,
    })
    deps = { ...deps, push }
    expect(await as('owner').getPushSetup()).toMatchObject({ isEvaluation: true, installed: { topic: TOPIC, installedAt: null } })
    await expect(as('owner').createPushRequest({ organization: 'E', email: 'e@example.com' })).rejects.toMatchObject({ code: 'CONFLICT' })
  })
})
