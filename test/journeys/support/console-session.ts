/** A browser's habits as far as the console's API needs them: it keeps cookies, and says that its requests come from an own page. */
export async function consoleSession(at: { localUrl: string }, credentials: Record<string, string>) {
  const jar = new Map<string, string>()
  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = {
      ...init.headers,
      cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
      'sec-fetch-site': 'same-origin',
    }
    const response = await fetch(new URL(path, at.localUrl), { ...init, redirect: 'manual', headers })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (name !== undefined && value !== undefined) jar.set(name, value)
    }
    return response
  }
  async function answerOf(response: Response): Promise<{ status: number; data?: unknown; code?: string }> {
    const json = (await response.json()) as { result?: { data: unknown }; error?: { data: { code: string } } }
    return { status: response.status, data: json.result?.data, ...(json.error && { code: json.error.data.code }) }
  }
  const { csrfToken } = (await (await send('/api/auth/csrf')).json()) as { csrfToken: string }
  const signedIn = await send('/api/auth/callback/credentials', {
    method: 'POST',
    body: new URLSearchParams({ ...credentials, csrfToken, json: 'true' }),
  })
  return {
    jar,
    signInStatus: signedIn.status,
    query: async (procedure: string, input?: unknown) =>
      answerOf(await send(`/trpc/${procedure}${input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`}`)),
    mutate: async (procedure: string, input?: unknown) =>
      answerOf(
        await send(`/trpc/${procedure}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          ...(input === undefined ? {} : { body: JSON.stringify(input) }),
        }),
      ),
  }
}
