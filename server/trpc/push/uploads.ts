import { z } from 'zod'

/** A file of up to 256 KB in base64, as the browser reads it. */
export const File = z.base64('a file in base64').max(360_000)
export const Password = z.string().max(1024).optional()

export const bytesOf = (file: z.infer<typeof File>): Uint8Array => new Uint8Array(Buffer.from(file, 'base64'))

/** What a step came to: done, or refused with a stable code and what to do. */
export const stepResult = <Shape extends z.ZodRawShape>(done: Shape) =>
  z.discriminatedUnion('outcome', [
    z.object({ outcome: z.literal('done'), ...done }),
    z.object({ outcome: z.literal('refused'), code: z.string(), sentence: z.string(), macsLost: z.number().int().nullable() }),
  ])
