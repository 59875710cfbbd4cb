/**
 * Whether JSON, as text, is free of escapes for NUL and for halves of surrogate pairs. PostgreSQL can hold neither, so one of them in
 * a word of a stranger would fail a query; no serial number, version or name has them, and JSON.stringify escapes no whole pair.
 */
export const isPlainJson = (json: string): boolean => !ODD_ESCAPE.test(json)

const ODD_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i
