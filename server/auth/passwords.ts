import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'

/** RFC 9106 §4, second recommended option: argon2id, 64 MiB, 3 passes, 4 lanes, 128-bit salt, 256-bit tag. */
const PARAMETERS = { memory: 65_536, passes: 3, parallelism: 4 } as const
const SALT_BYTES = 16
const TAG_BYTES = 32
/** Longer input is refused before it is hashed. */
const MAX_PASSWORD_BYTES = 1024

type Cost = { memory: number; passes: number; parallelism: number }

/** The PHC string of a password: `$argon2id$v=19$m=…,t=…,p=…$salt$hash` (unpadded base64). */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const tag = await derive(password, salt, PARAMETERS, TAG_BYTES)
  const { memory, passes, parallelism } = PARAMETERS
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`
}

/** True when the password is the one hashed. A string that is not such a PHC string matches nothing. */
export async function verifyPassword(password: string, phc: string): Promise<boolean> {
  const stored = parsePhc(phc)
  if (stored === undefined || Buffer.byteLength(password) > MAX_PASSWORD_BYTES) return false
  return timingSafeEqual(await derive(password, stored.salt, stored.cost, stored.tag.length), stored.tag)
}

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/
/** A stored string may not make us spend more than this. */
const MAX_MEMORY_KIB = 262_144

function parsePhc(phc: string): { cost: Cost; salt: Buffer; tag: Buffer } | undefined {
  const [, memory, passes, parallelism, salt, tag] = PHC.exec(phc) ?? []
  if (salt === undefined || tag === undefined) return undefined
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  const isSane = cost.passes >= 1 && cost.parallelism >= 1 && cost.memory >= 8 * cost.parallelism && cost.memory <= MAX_MEMORY_KIB
  return isSane ? { cost, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') } : undefined
}

function derive(password: string, nonce: Buffer, cost: Cost, tagLength: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // NFKC: the same password typed on two keyboards is the same bytes.
    argon2('argon2id', { message: Buffer.from(password.normalize('NFKC')), nonce, tagLength, ...cost }, (error, tag) =>
      error === null ? resolve(tag) : reject(error),
    )
  })
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')
