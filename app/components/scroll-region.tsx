import type { ComponentProps } from 'react'

/** Something that scrolls by itself: named, and within the keyboard's reach (WCAG 2.1.1). */
export function ScrollRegion({ label, ...rest }: ComponentProps<'section'> & { label: string }) {
  // biome-ignore lint/a11y/noNoninteractiveTabindex: without it the keyboard could not scroll
  return <section tabIndex={0} aria-label={label} {...rest} />
}
