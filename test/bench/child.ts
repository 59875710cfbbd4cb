import { type ChildProcess, fork } from 'node:child_process'

/** A process of the bench's own: the load generator, or the engine by itself. */
export type Child<Question extends object, Answer> = {
  pid: number
  ask(question: Question): Promise<Answer>
  /** What it says without being asked. */
  hear(): Promise<Answer>
  stop(): Promise<void>
}

export function startChild<Question extends object, Answer>(file: string, args: string[] = []): Child<Question, Answer> {
  const child = fork(new URL(file, import.meta.url), args, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const hear = () => nextMessage<Answer>(child, file)
  return {
    pid: child.pid as number,
    hear,
    ask(question) {
      const answer = hear()
      child.send(question)
      return answer
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL') // it holds nothing that would be lost
      await exited
    },
  }
}

function nextMessage<Answer>(child: ChildProcess, file: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`${file} ended with ${code}`))
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message as Answer)
    })
  })
}
