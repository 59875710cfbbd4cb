import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { decideTrust } from '../../server/attestation/decide-trust.ts'
import { attestationNonce } from '../../server/protocol/statements.ts'
import { deviceChain, identityCertificate, NOW, parts, policy, preimage, sha256, trustedEvidence } from '../support/trust-evidence.ts'

/**
 * What one decision costs, on one core: `node test/bench/attestation.ts [--macs N]`. Three cases: the same Mac again (every heartbeat
 * and refresh), a fleet of Macs in turn (each chain seen before), and a Mac whose attestation is new.
 */
type Figure = { name: string; decisions: number; msEach: number; perSecond: number }

const { values } = parseArgs({ options: { macs: { type: 'string', default: '400' } } })
const macs = Math.max(1, Math.trunc(Number(values.macs) || 400))

function measure(name: string, decisions: number, decide: (index: number) => { trust: string }): Figure {
  const started = performance.now()
  for (let index = 0; index < decisions; index++) {
    if (decide(index).trust !== 'trusted') throw new Error(`${name}: the evidence of the bench is refused`)
  }
  const msEach = (performance.now() - started) / decisions
  return { name, decisions, msEach: Number(msEach.toFixed(3)), perSecond: Math.round(1000 / msEach) }
}

const one = trustedEvidence()
const fleet = Array.from({ length: macs }, () => {
  const nonce = preimage()
  const identity = identityCertificate()
  return trustedEvidence({
    device: { ...parts.device, chain: deviceChain({}, attestationNonce(nonce)) },
    channel: { ...parts.channel, identityCertificate: identity },
    enrollment: { ...parts.enrollment, identitySha256: sha256(identity) },
  })
})
const at = (index: number) => fleet[index % fleet.length] ?? one

decideTrust(one, policy, NOW)
globalThis.gc?.()
const heapBefore = process.memoryUsage().heapUsed
const figures = [
  measure('a new attestation, chain seen for the first time', fleet.length, (index) => decideTrust(at(index), policy, NOW)),
  measure('a fleet in turn, chains seen before', 4 * fleet.length, (index) => decideTrust(at(index), policy, NOW)),
  measure('the same Mac again', 4000, () => decideTrust(one, policy, NOW)),
]
// With --expose-gc what is remembered; without it what was left lying about is in it too.
globalThis.gc?.()
const kibPerMac = Math.max(0, process.memoryUsage().heapUsed - heapBefore) / fleet.length / 1024

for (const { name, msEach, perSecond } of figures)
  process.stdout.write(`${msEach.toFixed(3)} ms  ${String(perSecond).padStart(6)}/s  ${name}\n`)
process.stdout.write(`about ${kibPerMac.toFixed(0)} KiB remembered for each Mac\n`)
