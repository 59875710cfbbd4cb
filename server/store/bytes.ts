/** A copy over an ArrayBuffer of its own, as the generated client wants its bytes. */
export const ownBytes = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)
