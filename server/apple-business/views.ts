import { z } from 'zod'

/** What the console sees of Apple Business; the schemas are also the output schemas of the procedures. No key, no token. */
export const AppleBusinessLinkView = z.object({
  id: z.string(),
  createdAt: z.date(),
  /** PEM; to be uploaded to Apple Business. */
  certificate: z.string(),
  /** Null until a server token has been installed. */
  server: z
    .object({
      name: z.string(),
      organization: z.string().nullable(),
      tokenExpiresAt: z.date(),
      isTokenExpired: z.boolean(),
    })
    .nullable(),
  /** `waiting`: no token yet. `reading`: the first list is not complete. */
  state: z.enum(['waiting', 'reading', 'current', 'failing']),
  fault: z.object({ code: z.string(), sentence: z.string() }).nullable(),
  syncedAt: z.date().nullable(),
  assignsNewMacs: z.boolean(),
  devices: z.number().int(),
  assigned: z.number().int(),
  failed: z.number().int(),
})
export type AppleBusinessLinkView = z.infer<typeof AppleBusinessLinkView>

export const AppleBusinessDeviceView = z.object({
  serial: z.string(),
  model: z.string().nullable(),
  description: z.string().nullable(),
  assetTag: z.string().nullable(),
  profileStatus: z.string().nullable(),
  assignOutcome: z.string().nullable(),
  seenAt: z.date(),
})
export type AppleBusinessDeviceView = z.infer<typeof AppleBusinessDeviceView>

type By = `user:${string}`

export interface AppleBusiness {
  listLinks(): Promise<AppleBusinessLinkView[]>
  createLink(by: By): Promise<{ link: string; certificatePem: string }>
  installToken(upload: {
    link: string
    file: Uint8Array
    by: By
  }): Promise<{ server: string; organization: string | null; expiresAt: Date }>
  setAssignsNewMacs(link: string, assignsNewMacs: boolean, by: By): Promise<void>
  /** Throws AppError `not_found`. */
  syncNow(link: string): Promise<void>
  removeLink(which: { link: string; by: By }): Promise<void>
  /** In the order of serial numbers; `next` is null at the end. */
  listDevices(
    link: string,
    page: { after: string | undefined; limit: number },
  ): Promise<{ devices: AppleBusinessDeviceView[]; next: string | null }>
}
