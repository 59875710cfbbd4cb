/**
 * True for a path that means the same to everyone who reads it, however often it is decoded: no dot segments, no backslash, and
 * neither dots nor slashes in disguise. What decides by the path then decides about the page that is served.
 */
export function isPlainPath(path: string): boolean {
  if (/\\|%(25)*(2e|2f|5c|00)/i.test(path)) return false
  return !path.split('/').some((segment) => segment === '.' || segment === '..')
}
