import { AgentError } from '../errors.ts'
import { openMacPlatform } from '../identity/macos.ts'
import type { Platform } from '../identity/platform.ts'
import { openSoftwarePlatform } from '../identity/software.ts'
import type { AgentOptions } from '../options.ts'
import { checkAppliance } from './check-appliance.ts'
import { checkStateFolder } from './check-state.ts'
import type { Finding } from './finding.ts'

const LEAST_NODE = 24

/** What is wrong with the agent on this Mac, found by trying; changes nothing. */
export async function examine(options: AgentOptions, now: () => Date): Promise<Finding[]> {
  const { finding, platform } = await checkPlatform(options)
  const [appliance, state] = await Promise.all([checkAppliance(options.url, now), checkStateFolder(options.stateFolder, platform?.serial)])
  return [checkNode(process.versions.node), finding, ...state, ...appliance]
}

function checkNode(version: string): Finding {
  const isNewEnough = Number(version.split('.')[0]) >= LEAST_NODE
  if (isNewEnough) return { check: 'Node.js', standing: 'good', sentence: `Version ${version}.` }
  return { check: 'Node.js', standing: 'bad', sentence: `Version ${version} is too old. Install ${LEAST_NODE} or newer.` }
}

async function checkPlatform({ platform: choice }: AgentOptions): Promise<{ finding: Finding; platform?: Platform }> {
  try {
    const platform = choice.kind === 'software' ? await openSoftwarePlatform(choice.folder) : await openMacPlatform()
    const { sipEnabled, secureBoot } = await platform.facts()
    const facts = `System Integrity Protection ${sipEnabled ? 'on' : 'off'}, Secure Boot ${secureBoot}.`
    const kind = platform.kind === 'software' ? 'A Mac made of software' : 'A Mac'
    return { finding: { check: 'platform', standing: 'good', sentence: `${kind}, ${platform.serial}. ${facts}` }, platform }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    const standing = error.code === 'platform_unsupported' ? 'unknown' : 'bad'
    return { finding: { check: 'platform', standing, sentence: `${error.message}.` } }
  }
}

/** 10: something is wrong. 20: something could not be found out here. */
export function examinationExitCode(findings: readonly Finding[]): 0 | 10 | 20 {
  if (findings.some(({ standing }) => standing === 'bad')) return 10
  return findings.some(({ standing }) => standing === 'unknown') ? 20 : 0
}

export const examinationText = (findings: readonly Finding[]): string =>
  findings.map(({ check, standing, sentence }) => `${standing.padEnd(8)} ${check.padEnd(17)} ${sentence}\n`).join('')
