import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AgentError } from '../errors.ts'
import { openRevocations } from '../revocations/revocations.ts'
import { readStatus } from '../status-file.ts'
import { AGENT_VERSION } from '../version.ts'
import type { Finding } from './finding.ts'

/** The folder of the agent's state, the revocation list in it, and what the running agent last said. */
export async function checkStateFolder(folder: string, serial: string | undefined): Promise<Finding[]> {
  return [await checkFolder(folder), await checkRevocations(folder, serial), await checkStatus(folder)]
}

async function checkFolder(folder: string): Promise<Finding> {
  const check = 'state folder'
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined) return newFolder(folder)
  if (!found.isDirectory()) return { check, standing: 'bad', sentence: `${folder} is no folder. Move it away.` }
  if ((found.mode & 0o077) !== 0) return { check, standing: 'bad', sentence: `${folder} is open to others. Run chmod 700 on it.` }
  if (!(await isWritable(folder)))
    return { check, standing: 'bad', sentence: `${folder} cannot be written to. Run this as the agent’s user.` }
  return { check, standing: 'good', sentence: `${folder}.` }
}

async function newFolder(folder: string): Promise<Finding> {
  const check = 'state folder'
  let parent = dirname(folder)
  while ((await stat(parent).catch(() => undefined)) === undefined && parent !== dirname(parent)) parent = dirname(parent)
  if (await isWritable(parent)) return { check, standing: 'good', sentence: `${folder} will be made at the first start.` }
  return { check, standing: 'bad', sentence: `${folder} cannot be made. Run this as the agent’s user.` }
}

async function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
}

async function checkRevocations(folder: string, serial: string | undefined): Promise<Finding> {
  const check = 'revocation list'
  try {
    const revocations = await openRevocations(folder)
    if (revocations.number === undefined) return { check, standing: 'good', sentence: 'None was received yet.' }
    if (serial !== undefined && revocations.isRevoked(serial)) {
      return {
        check,
        standing: 'bad',
        sentence: `This Mac is revoked by list ${revocations.number}. It stays out until a later list leaves it off.`,
      }
    }
    return { check, standing: 'good', sentence: `Number ${revocations.number}.` }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    return { check, standing: 'bad', sentence: `${error.message}.` }
  }
}

async function checkStatus(folder: string): Promise<Finding> {
  const check = 'agent'
  const status = await readStatus(folder)
  if (status === undefined) return { check, standing: 'unknown', sentence: 'No agent has run here yet.' }
  if (status.version !== AGENT_VERSION) {
    return { check, standing: 'bad', sentence: `Version ${status.version} ran last, ${AGENT_VERSION} is installed. Restart the agent.` }
  }
  if (!status.connected) return { check, standing: 'bad', sentence: `Not connected, as of ${status.updatedAt}.` }
  const trust =
    status.trust === 'trusted' ? 'trusted' : `${status.trust}${status.reasons.length === 0 ? '' : `: ${status.reasons.join(', ')}`}`
  return {
    check,
    standing: status.trust === 'trusted' ? 'good' : 'bad',
    sentence: `Connected as ${status.mac ?? status.serial}, ${trust}.`,
  }
}
