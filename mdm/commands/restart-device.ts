import { plistDict } from '../plist/value.ts'
import type { Command } from '../ports.ts'

const MAX_KEXTS = 64

/**
 * Apple: RestartDevice. Needs AccessRights 4. With `notifiesUser` a logged-in person is asked and may decline; without it the Mac
 * restarts at once. Rebuilding the kernel cache admits kernel extensions, which end trust: it stands here for completeness.
 * https://developer.apple.com/documentation/devicemanagement/restartdevicecommand
 */
export function restartDevice(options: { notifiesUser?: boolean; kernelCache?: { kextPaths: readonly string[] } } = {}): Command {
  const { kernelCache } = options
  if (kernelCache !== undefined) {
    const { kextPaths } = kernelCache
    if (kextPaths.length > MAX_KEXTS || !kextPaths.every((path) => /^\/[^\0]{1,1023}$/.test(path))) {
      throw new TypeError(`at most ${MAX_KEXTS} kernel extensions, each by its absolute path`)
    }
  }
  const payload = plistDict({
    NotifyUser: options.notifiesUser ?? false,
    RebuildKernelCache: kernelCache === undefined ? undefined : true,
    KextPaths: kernelCache === undefined ? undefined : [...kernelCache.kextPaths],
  })
  return { requestType: 'RestartDevice', payload }
}
