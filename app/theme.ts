/** The chosen theme is a cookie, so that the first byte of a page already has it. */
export const THEME_COOKIE = 'espalier-theme'
export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

export const parseTheme = (value: string | undefined): Theme => THEMES.find((theme) => theme === value) ?? 'system'

const A_YEAR_IN_SECONDS = 365 * 24 * 3600

/** In the browser only. */
export function applyTheme(theme: Theme): void {
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in Firefox
  document.cookie = `${THEME_COOKIE}=${theme}; path=/; max-age=${A_YEAR_IN_SECONDS}; samesite=lax`
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}

export function currentTheme(): Theme {
  return parseTheme(document.documentElement.dataset.theme)
}
