import { fromBase64 } from '../bytes.ts'
import { issueProfileFor } from '../enrollment/issue-profile.ts'
import type { MdmDeps, RawReply, RawRequest } from '../ports.ts'
import { refusal } from '../refusal.ts'
import { openMachineInfo } from './machine-info.ts'

/**
 * POST /enroll/automated: Setup Assistant of an assigned Mac sends its signed MachineInfo and is given its enrollment profile. The
 * same comes as a header where Setup Assistant shows a web page. Apple: "Automated Device Enrollment", MachineInfo.
 *
 * Asked again, the same Mac is given another profile for the same enrollment, until one of them has been used.
 */
export async function handleAutomatedEnroll(deps: MdmDeps, request: RawRequest): Promise<RawReply> {
  if (deps.automated === undefined) return refusal(404, 'AUTOMATED_ENROLLMENT_NOT_OFFERED')
  const signed = request.method === 'POST' ? request.body : fromBase64(request.headers['x-apple-aspen-deviceinfo'] ?? '')
  if (signed === undefined || signed.length === 0) return refusal(400, 'MACHINE_INFO_MISSING')
  const opened = openMachineInfo(signed, deps.automated.anchors)
  if (!opened.ok) {
    deps.log?.warn({ code: opened.code, detail: opened.detail }, 'an automated enrollment was refused')
    return refusal(opened.code === 'NOT_A_DEVICE' || opened.code === 'CMS_SIGNATURE_INVALID' ? 401 : 400, opened.code)
  }
  const admitted = await deps.automated.admit(opened.info)
  if (admitted === undefined) {
    deps.log?.warn({ code: 'SERIAL_NOT_ASSIGNED', detail: opened.info.serial }, 'an automated enrollment was refused')
    return refusal(403, 'SERIAL_NOT_ASSIGNED', NOT_ASSIGNED)
  }
  const profile = await issueProfileFor(deps, admitted.enrollmentId)
  if (profile === undefined) return refusal(410, 'LINK_USED_OR_EXPIRED')
  return { status: 200, headers: { 'content-type': 'application/x-apple-aspen-config', 'cache-control': 'no-store' }, body: profile }
}

const NOT_ASSIGNED =
  'This Mac is not assigned to this server in Apple Business, or it has been revoked. Assign it there; the list is read every quarter of an hour.'
