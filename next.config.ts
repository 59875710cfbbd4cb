import type { NextConfig } from 'next'

process.env.NEXT_TELEMETRY_DISABLED = '1'

// The console lives in `app/`; this file has to stand beside it. Nothing here is fetched from outside at build time.
const config: NextConfig = {
  // Types are checked by `npm run check`, over the whole project; a build on a customer's machine need not repeat it.
  typescript: { tsconfigPath: 'app/tsconfig.json', ignoreBuildErrors: true },
  poweredByHeader: false,
  reactStrictMode: true,
  images: { unoptimized: true },
  devIndicators: false,
  transpilePackages: ['geist'],
}

export default config
