import type { ApiKeyDeps } from '../../server/auth/api-keys.ts'

/** Where the list of what is revoked is not what is tested. */
export const NO_REVOCATIONS: ApiKeyDeps['revocations'] = { append: async () => undefined, publish: async () => undefined }
