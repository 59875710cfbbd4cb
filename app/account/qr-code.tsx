import { encodeQr } from './encode-qr.ts'

/** Four light modules all around (ISO/IEC 18004 §9.1): without them cameras do not find the code. */
const QUIET = 4

/** A QR code as one SVG path; always dark on light, because many cameras read it no other way. */
export function QrCode({ text, label, className }: { text: string; label: string; className?: string }) {
  const modules = encodeQr(text)
  const size = modules.length + 2 * QUIET
  const path = modules.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : ''))).join('')
  return (
    <svg viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shapeRendering="crispEdges" className={className}>
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  )
}
