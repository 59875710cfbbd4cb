/** An origin that nothing on the network has: what leads away from it is no path of this console. */
const HERE = 'http://console.invalid'

/**
 * Where to go after signing in: a path of this console and nothing else. Read by the same parser that the browser goes by, because
 * that one drops tabs and takes backslashes for slashes, where a look at the text alone would not.
 */
export function safeNext(next: string | undefined): string {
  const url = next?.startsWith('/') ? URL.parse(next, HERE) : null
  if (url === null || url.origin !== HERE || url.username !== '' || url.password !== '') return '/'
  const path = url.pathname + url.search + url.hash
  // `/.//evil.example` is a path of ours until it is parsed once more.
  return URL.parse(path, HERE)?.origin === HERE ? path : '/'
}
