import { requestPem } from '../../server/push/certificate-request.ts'
import { openMdmcertMail, sendToMdmcert } from '../../server/push/mdmcert.ts'
import { createPushRequest, discardPushRequest, keepSignedRequest, requirePushRequest } from '../../server/push/push-request.ts'
import { signRequest } from '../../server/push/signed-request.ts'
import { readVendorIdentity } from '../../server/push/vendor-identity.ts'
import { EXIT, type Outcome, type Place, readBounded, readSecretLine, writeOut } from './push-outcome.ts'

const ACTOR = 'system'

export type RequestWish = {
  verb: 'request'
  /** Neither: the one under way is shown. */
  name: { organization: string; email: string } | undefined
  discard: boolean
  out: string | undefined
}

/** `espalier push request`: makes the key and the request, shows the request, or forgets both. */
export async function request(place: Place, wish: RequestWish): Promise<Outcome> {
  if (wish.discard) {
    await discardPushRequest(place, ACTOR)
    return { exit: EXIT.ok, code: 'discarded', message: 'The request is discarded, and its key with it.' }
  }
  const made =
    wish.name === undefined ? await requirePushRequest(place.store) : await createPushRequest(place, { ...wish.name, actor: ACTOR })
  const pem = requestPem(made.csr)
  if (wish.out !== undefined) await writeOut(wish.out, pem)
  const where = wish.out === undefined ? pem : `It lies in ${wish.out}.`
  const { organization, email, createdAt } = made
  return {
    exit: EXIT.ok,
    code: wish.name === undefined ? 'pending' : 'created',
    message: `The request for ${organization}, made ${createdAt.toISOString().slice(0, 10)}. Next: espalier push vendor-sign.\n${where}`,
    facts: { organization, email, createdAt: createdAt.toISOString(), csr: pem, isSigned: made.signedRequest !== null },
  }
}

export type VendorSignWish = {
  verb: 'vendor-sign'
  way:
    | { by: 'own'; file: string; passwordFile: string | undefined }
    | { by: 'elsewhere'; file: string }
    | { by: 'mdmcert'; keyFile: string; email: string | undefined }
    | { by: 'mail'; file: string }
  out: string | undefined
}

/** `espalier push vendor-sign`: has the request signed by a vendor, in one of three ways, and gives what is uploaded at Apple. */
export async function vendorSign(place: Place, { way, out }: VendorSignWish): Promise<Outcome> {
  if (way.by === 'mdmcert') return sendAway(place, way)
  const { signedRequest, vendorName } = await sign(place, way)
  if (out !== undefined) await writeOut(out, signedRequest)
  const where = out === undefined ? signedRequest : `It lies in ${out}.`
  return {
    exit: EXIT.ok,
    code: 'signed',
    message: `Signed by “${vendorName}”. Upload this at https://identity.apple.com/pushcert, then: espalier push import FILE.\n${where}`,
    facts: { vendor: vendorName, signedRequest },
  }
}

async function sign(
  place: Place,
  way: Exclude<VendorSignWish['way'], { by: 'mdmcert' }>,
): Promise<{ signedRequest: string; vendorName: string }> {
  const file = await readBounded(way.file)
  if (way.by === 'mail') return openMdmcertMail(place, { file, actor: ACTOR })
  if (way.by === 'elsewhere') return keepSignedRequest(place, { file, vendor: 'elsewhere', actor: ACTOR })
  const { csr } = await requirePushRequest(place.store)
  const vendor = readVendorIdentity(file, { now: place.clock.now(), password: await readSecretLine(way.passwordFile) })
  return keepSignedRequest(place, { file: Buffer.from(signRequest(csr, vendor)), vendor: 'own', actor: ACTOR })
}

async function sendAway(place: Place, way: { keyFile: string; email: string | undefined }): Promise<Outcome> {
  const apiKey = (await readSecretLine(way.keyFile)) ?? ''
  const sent = await sendToMdmcert({ ...place, url: place.mdmcertUrl }, { apiKey, ...(way.email && { email: way.email }), actor: ACTOR })
  return {
    exit: EXIT.ok,
    code: 'sent',
    message: `Sent. mdmcert.download mails the signed request to ${sent.email}; then: espalier push vendor-sign --mail FILE.p7`,
    facts: sent,
  }
}
