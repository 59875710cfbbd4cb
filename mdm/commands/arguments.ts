/** What a wrong argument of ours is told at once, instead of by the Mac a day later. */

export function requireHttps(url: string): string {
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:') throw new TypeError('a Mac fetches over https only')
  return url
}

export function requireText(text: string, what: string, max: number): string {
  if (text === '' || text.length > max) throw new TypeError(`${what} has 1 to ${max} characters`)
  return text
}

/** The PIN of DeviceLock and EraseDevice: six digits. */
export function requirePin(pin: string): string {
  if (!/^[0-9]{6}$/.test(pin)) throw new TypeError('a PIN has six digits')
  return pin
}

/** Recovery Lock takes printable ASCII alone: it is typed before any keyboard layout is known. */
export function requireRecoveryPassword(password: string): string {
  if (!/^[ -~]{1,128}$/.test(password)) throw new TypeError('a Recovery Lock password has 1 to 128 printable ASCII characters')
  return password
}
