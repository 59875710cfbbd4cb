/**
 * Calls `gone` once when the process that started this one is no more: its IPC channel closed, or this process was handed to
 * another parent. The second catches a parent that was killed and a child that has no channel.
 */
export function onParentGone(gone: () => void): { close(): void } {
  const parent = process.ppid
  let isDone = false
  const once = () => {
    if (isDone) return
    close()
    gone()
  }
  const timer = setInterval(() => {
    if (process.ppid !== parent) once()
  }, 500)
  timer.unref()
  process.on('disconnect', once)
  process.channel?.unref()
  function close() {
    isDone = true
    clearInterval(timer)
    process.off('disconnect', once)
    process.channel?.unref()
  }
  return { close }
}
