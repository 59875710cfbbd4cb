import { requireHttps } from '../commands/arguments.ts'
import type { Declaration } from './declaration.ts'

const SHA256_HEX = /^[0-9a-f]{64}$/
const TASK_TYPE = /^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+){1,10}$/

/** A file that the Mac fetches over https and takes only when its SHA-256 is this one. */
export type HashedFile = { url: string; sha256: string; sizeBytes: number }

/** https://developer.apple.com/documentation/devicemanagement/assetdata */
export function dataAsset(identifier: string, file: HashedFile & { contentType: string }): Declaration {
  if (!SHA256_HEX.test(file.sha256) || !Number.isSafeInteger(file.sizeBytes) || file.sizeBytes < 1) {
    throw new TypeError('an asset has a size and a SHA-256 in hexadecimal')
  }
  return {
    identifier,
    type: 'com.apple.asset.data',
    payload: {
      Reference: {
        DataURL: requireHttps(file.url),
        ContentType: file.contentType,
        Size: file.sizeBytes,
        'Hash-SHA-256': file.sha256,
      },
      // The hash says what the file is; there is nothing secret in it.
      Authentication: { Type: 'None' },
    },
  }
}

export type BackgroundTask = {
  /** Reverse-DNS; the identifiers of the declarations are made of it. */
  taskType: string
  description: string
  /** A zip of the directory with the executables, without the launchd file. */
  executable: HashedFile
  /** The launchd property list of a daemon. */
  launchd: HashedFile
}

/**
 * A daemon that macOS itself fetches, checks by SHA-256, keeps where only it writes, and starts (macOS 15, supervised). Nobody at the
 * Mac can stop it while it is declared. https://developer.apple.com/documentation/devicemanagement/servicesbackgroundtasks
 */
export function backgroundTask({ taskType, description, executable, launchd }: BackgroundTask): Declaration[] {
  if (!TASK_TYPE.test(taskType)) throw new TypeError('a task type is written in reverse DNS')
  const files = { executable: `${taskType}.executable`, launchd: `${taskType}.launchd` }
  return [
    dataAsset(files.executable, { ...executable, contentType: 'application/zip' }),
    dataAsset(files.launchd, { ...launchd, contentType: 'application/plist' }),
    {
      identifier: taskType,
      type: 'com.apple.configuration.services.background-tasks',
      payload: {
        TaskType: taskType,
        TaskDescription: description,
        ExecutableAssetReference: files.executable,
        LaunchdConfigurations: [{ FileAssetReference: files.launchd, Context: 'daemon' }],
      },
    },
  ]
}
