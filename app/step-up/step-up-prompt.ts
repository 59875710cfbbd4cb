/** Asks the person for their password, and tells whether the server took it. */
type Ask = () => Promise<boolean>

let ask: Ask | undefined
let asking: Promise<boolean> | undefined

/** The dialog says that it can be asked; returns what takes that back. */
export function offerStepUp(dialog: Ask): () => void {
  ask = dialog
  return () => {
    if (ask === dialog) ask = undefined
  }
}

/** Actions that need a proof at the same time share one dialog. False: the person declined, or no page can ask. */
export function proveIt(): Promise<boolean> {
  asking ??= (ask?.() ?? Promise.resolve(false)).finally(() => {
    asking = undefined
  })
  return asking
}
