import { AppError } from '../errors.ts'

/** NIST SP 800-63B §3.1.1: length is what counts; rules about kinds of characters make passwords worse. */
const MIN_PASSWORD_CHARACTERS = 12
/** `verifyPassword` refuses longer input, so it must never become a password. */
const MAX_PASSWORD_BYTES = 1024

/** Throws `invalid_request` with what is wrong with a password that someone chose. */
export function assertGoodPassword(password: string, person: { email: string; name: string }): void {
  const fault = faultOf(password.normalize('NFKC'), person)
  if (fault !== undefined) throw new AppError('invalid_request', { public: fault, param: 'password' })
}

function faultOf(password: string, { email, name }: { email: string; name: string }): string | undefined {
  if ([...password].length < MIN_PASSWORD_CHARACTERS) return `The password needs at least ${MIN_PASSWORD_CHARACTERS} characters.`
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) return 'The password is too long.'
  const plain = password.toLowerCase().replace(/\s+/g, '')
  const known = [email, email.split('@')[0] ?? '', name, 'espalier'].map((word) => word.toLowerCase().replace(/\s+/g, ''))
  const rest = known.filter((word) => word.length >= 3).reduce((left, word) => left.replaceAll(word, ''), plain)
  if (rest.length < MIN_PASSWORD_CHARACTERS / 2) return 'The password says little more than your address or your name. Choose another one.'
  return new Set(plain).size < 5 ? 'The password repeats too few characters. Choose another one.' : undefined
}
