import { join } from 'node:path'
import { PUBLIC, readJson, writeDurably, writeJson } from '../durable-file.ts'
import {
  createEvaluationAuthority,
  type EvaluationAuthority,
  type ExportedAuthority,
  exportAuthority,
  importAuthority,
} from './authority.ts'
import { createDeviceCa, type DeviceCa } from './device-ca.ts'
import { createPushCertificates, type PushCertificates } from './push-certificates.ts'

/** What the appliance and the Macs read to find software Apple; rewritten at every start, since the ports are new. */
export type AppleAddress = {
  /** Of the APNs server, without path. */
  url: string
  /** Anchors of the APNs server's certificate, PEM. */
  caPem: string
  /** WebSocket over which a Mac receives its pushes. */
  courierUrl: string
  attestUrl: string
  /** Where a Mac is registered when it is made. */
  manufactureUrl: string
  /** Where a Mac in Setup Assistant learns whether it is assigned, and is given its device certificate. */
  activateUrl: string
  /** In place of https://mdmenrollment.apple.com. */
  adeUrl: string
  /** Where an administrator of Apple Business clicks: devices, terms, the token file. */
  adeControlUrl: string
  pid: number
}

export type AppleKeys = { authority: EvaluationAuthority; push: PushCertificates; deviceCa: DeviceCa }

const addressFile = (directory: string) => join(directory, 'apns.json')

/** Keys and certificates of this directory, made at the first call. What is copied out of them is written anew each time. */
export function openKeys(directory: string, now: Date): AppleKeys {
  const authorityFile = join(directory, 'attestation-authority.json')
  const pushFile = join(directory, 'push-authority.json')
  let exported = readJson<ExportedAuthority>(authorityFile)
  if (exported === undefined) {
    exported = exportAuthority(createEvaluationAuthority({ now }))
    writeJson(authorityFile, exported)
  }
  let push = readJson<PushCertificates>(pushFile)
  if (push === undefined) {
    push = createPushCertificates(now)
    writeJson(pushFile, push)
  }
  const deviceCaFile = join(directory, 'device-authority.json')
  let deviceCa = readJson<DeviceCa>(deviceCaFile)
  if (deviceCa === undefined) {
    deviceCa = createDeviceCa(now)
    writeJson(deviceCaFile, deviceCa)
  }
  writeDurably(join(directory, 'device-ca.pem'), deviceCa.certificatePem, PUBLIC)
  writeDurably(join(directory, 'attestation-root.pem'), exported.root, PUBLIC)
  writeDurably(join(directory, 'push-cert.pem'), push.pushCertPem, PUBLIC)
  writeDurably(join(directory, 'push-key.pem'), push.pushKeyPem)
  return { authority: importAuthority(exported), push, deviceCa }
}

export const readAddress = (directory: string) => readJson<AppleAddress>(addressFile(directory))
export const writeAddress = (directory: string, address: AppleAddress) => writeJson(addressFile(directory), address, PUBLIC)
