import type { Case, Draft } from './case.ts'
import { algorithmCases } from './cases/algorithms.ts'
import { objectCases } from './cases/attestation-object.ts'
import { derCases } from './cases/der.ts'
import { replyCases, soundReplies } from './cases/device-information.ts'
import { extensionCases } from './cases/extensions.ts'
import { fileCases } from './cases/files.ts'
import { freshnessCases, soundCases } from './cases/freshness.ts'
import { pathCases } from './cases/path.ts'
import { propertyCases } from './cases/properties.ts'
import { createLaboratory, type Laboratory, pem } from './laboratory.ts'

export const DEFAULT_SEED = 'mda conformance 1'

const GROUPS: Record<string, (lab: Laboratory) => Draft[]> = {
  sound: (lab) => [...soundCases(lab), ...soundReplies(lab)],
  properties: propertyCases,
  extensions: extensionCases,
  der: derCases,
  algorithms: algorithmCases,
  path: pathCases,
  freshness: freshnessCases,
  acme: objectCases,
  reply: replyCases,
  files: fileCases,
}

/** Every case and the root that it is judged under. The same seed gives the same bytes. */
export function generate(seed: string = DEFAULT_SEED): { cases: Case[]; rootPem: Uint8Array } {
  const lab = createLaboratory(seed)
  const cases = Object.entries(GROUPS).flatMap(([group, make]) =>
    make(lab).map((draft, index) => ({ ...draft, group, id: `${group}-${String(index + 1).padStart(3, '0')}` })),
  )
  return { cases, rootPem: pem([lab.root()]) }
}
