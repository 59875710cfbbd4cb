import { GeistMono } from 'geist/font/mono'
import { GeistSans } from 'geist/font/sans'
import type { Metadata, Viewport } from 'next'
import { cookies } from 'next/headers'
import type { ReactNode } from 'react'
import './globals.css'
import { Providers } from './providers.tsx'
import { parseTheme, THEME_COOKIE } from './theme.ts'

export const metadata: Metadata = { title: { default: 'Espalier', template: '%s · Espalier' }, robots: { index: false, follow: false } }
export const viewport: Viewport = { colorScheme: 'light dark', width: 'device-width', initialScale: 1 }
// Each response has its own script nonce, so no page can be made at build time.
export const dynamic = 'force-dynamic'

export default async function RootLayout({ children }: { children: ReactNode }) {
  const theme = parseTheme((await cookies()).get(THEME_COOKIE)?.value)
  return (
    <html lang="en" className={`${GeistSans.variable} ${GeistMono.variable}`} data-theme={theme === 'system' ? undefined : theme}>
      <body>
        <Providers>{children}</Providers>
      </body>
    </html>
  )
}
