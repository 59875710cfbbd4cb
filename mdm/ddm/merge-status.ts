import type { StatusItems, StatusReport, StatusValue } from './status-report.ts'

/** Lists that are told element by element, each by its `identifier`; more of them are not kept. */
const MAX_ELEMENTS = 2048
/** Of all that is kept of one Mac, as JSON; what Macs report is some tens of KiB, and one report has 256 KiB at most. */
const MAX_KEPT_LENGTH = 1024 * 1024

/**
 * What a Mac has reported so far, after one more report. A full report replaces everything; any other one replaces what it names,
 * and in lists with identifiers it adds, changes and (`_removed`) takes away single elements. A Mac that reports ever new items is
 * left with its last report alone.
 */
export function mergeStatus(before: StatusItems, report: Pick<StatusReport, 'items' | 'isFull'>): StatusItems {
  const merged = mergeItems(report.isFull ? {} : before, report.items)
  return JSON.stringify(merged).length > MAX_KEPT_LENGTH ? mergeItems({}, report.items) : merged
}

function mergeItems(before: StatusItems, news: StatusItems): StatusItems {
  const merged: StatusItems = { ...before }
  for (const [word, value] of Object.entries(news)) {
    merged[word] = mergeValue(Object.hasOwn(before, word) ? before[word] : undefined, value)
  }
  return merged
}

function mergeValue(before: StatusValue | undefined, news: StatusValue): StatusValue {
  if (Array.isArray(news)) return mergeList(Array.isArray(before) ? before : [], news)
  if (!isItems(news)) return news
  return mergeItems(before !== undefined && isItems(before) ? before : {}, news)
}

function mergeList(before: StatusValue[], news: StatusValue[]): StatusValue[] {
  if (!news.every((element) => isItems(element) && typeof element.identifier === 'string')) return news
  const byIdentifier = new Map<StatusValue | undefined, StatusItems>()
  for (const element of [...before, ...news]) if (isItems(element)) byIdentifier.set(element.identifier, element)
  return [...byIdentifier.values()].filter((element) => element._removed !== true).slice(-MAX_ELEMENTS)
}

const isItems = (value: StatusValue): value is StatusItems => typeof value === 'object' && value !== null && !Array.isArray(value)
