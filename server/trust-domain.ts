import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { createEvaluationAnchors, type TrustAnchors } from './attestation/roots.ts'
import { readAppleAnchors } from './attestation-roots.ts'
import type { Env } from './env.ts'
import { prepareSoftwareApple, type SoftwareApple } from './evaluation.ts'

/** Whom this appliance believes about Macs: Apple alone in production, the installation's own software Apple in evaluation. */
export type TrustDomain = { anchors: TrustAnchors; apple: SoftwareApple | undefined; evaluationRootPem: string | undefined }

export async function chooseTrustDomain(env: Env): Promise<TrustDomain> {
  if (env.mode === 'production') {
    return { anchors: await readAppleAnchors(env.dataDir, new Date()), apple: undefined, evaluationRootPem: undefined }
  }
  const apple = await prepareSoftwareApple(join(env.dataDir, 'evaluation-apple'))
  const rootDer = new Uint8Array(new X509Certificate(apple.attestationRootPem).raw)
  return { anchors: createEvaluationAnchors(rootDer), apple, evaluationRootPem: apple.attestationRootPem }
}
