import type { UserRow } from '../store/users.ts'
import { hashPassword, verifyPassword } from './passwords.ts'
import { hashingOne, type SignInLimits } from './sign-in-limits.ts'

/** Takes the same time whether the account exists or not: an unknown one is checked against a hash that nothing matches. */
export async function verifyPasswordOf(user: UserRow | undefined, password: string, limits: SignInLimits): Promise<boolean> {
  const matches = await hashingOne(limits, async () => verifyPassword(password, user?.passwordHash ?? (await decoyHash())))
  return matches && user !== undefined && user.passwordHash !== null && user.disabledAt === null
}

let decoy: Promise<string> | undefined
/** Of a random password that nobody has; made once. */
function decoyHash(): Promise<string> {
  decoy ??= hashPassword(crypto.randomUUID())
  return decoy
}
