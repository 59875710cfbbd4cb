/** next-auth's own endpoints, spoken to directly: fetch the CSRF token, then post the form. */
async function post(path: string, fields: Record<string, string>): Promise<Response> {
  const { csrfToken } = (await (await fetch('/api/auth/csrf')).json()) as { csrfToken: string }
  return fetch(path, { method: 'POST', body: new URLSearchParams({ ...fields, csrfToken, json: 'true' }) })
}

export type SignInOutcome = 'signed_in' | 'wrong' | 'second_factor_needed' | 'wrong_code' | 'too_many_requests' | 'failed'

const TOLD = ['too_many_requests', 'second_factor_needed', 'wrong_code'] as const

export async function signIn(credentials: { email: string; password: string; code: string }): Promise<SignInOutcome> {
  try {
    const response = await post('/api/auth/callback/credentials', credentials)
    if (response.ok) return 'signed_in'
    const { url } = (await response.json()) as { url?: string }
    const error = url === undefined ? null : new URL(url, window.location.href).searchParams.get('error')
    if (error === 'CredentialsSignin') return 'wrong'
    return TOLD.find((code) => code === error) ?? 'failed'
  } catch {
    return 'failed'
  }
}

export async function signOut(): Promise<void> {
  await post('/api/auth/signout', {})
  window.location.assign('/signin')
}
