import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, writeJson } from '../durable-file.ts'
import type { MdmPayload } from './profile.ts'

/**
 * How far this Mac's enrollment has come: `enrollment.json`, written before each step is relied on, so that a killed Mac goes on
 * where it was and never enrolls twice.
 */
export type Enrollment = {
  step: 'profile' | 'identity' | 'authenticated' | 'enrolled' | 'unenrolled'
  profileIdentifier: string
  mdm: MdmPayload
  /** Made for this enrollment; the server learns it in TokenUpdate. */
  pushMagic: string
  /** Hex, from software Apple. */
  token?: string
  /** It came from Apple's device assignment. */
  isAutomated?: boolean
  /** Held in Setup Assistant until DeviceConfigured. */
  isAwaitingConfiguration?: boolean
  /** The server has taken the bootstrap token of this enrollment. */
  isBootstrapTokenEscrowed?: boolean
  /** Why the Mac left. */
  reason?: string
}

const enrollmentFile = (directory: string) => join(directory, 'enrollment.json')
export const readEnrollment = (directory: string) => readJson<Enrollment>(enrollmentFile(directory))
export const writeEnrollment = (directory: string, enrollment: Enrollment) => writeJson(enrollmentFile(directory), enrollment)
export const forgetEnrollment = (directory: string) => rmSync(enrollmentFile(directory), { force: true })

export function known(directory: string): Enrollment {
  const enrollment = readEnrollment(directory)
  if (enrollment === undefined) throw new TypeError('this Mac has no enrollment')
  return enrollment
}
