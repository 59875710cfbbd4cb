/** What the appliance takes at most. */
const MAX_BYTES = 256 * 1024

/** A chosen file in base64; undefined where none was chosen. Throws in words where it is too large to be what is asked for. */
export async function readUpload(value: FormDataEntryValue | null): Promise<string | undefined> {
  if (!(value instanceof File) || value.size === 0) return undefined
  if (value.size > MAX_BYTES) throw new UploadTooLarge(value.name)
  const bytes = new Uint8Array(await value.arrayBuffer())
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}

export class UploadTooLarge extends Error {
  constructor(name: string) {
    super(`${name} is larger than 256 KB: it is not the file that is asked for.`)
  }
}

export const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))

/** Gives text or bytes to the browser as a file to keep. */
export function download(name: string, content: string | Uint8Array<ArrayBuffer>): void {
  const url = URL.createObjectURL(new Blob([content], { type: 'application/octet-stream' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
