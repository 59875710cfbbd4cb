import { z } from 'zod'

/** 10,000 lines of serial number, name, pool and ring; below what one request may hold. */
export const ListText = z.string().max(900_000, 'The list is too long for one import. Import it in parts.')
