import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AgentError } from '../errors.ts'

/** A model is a folder with exactly one .gguf file, whatever its name. */
export async function findGguf(directory: string): Promise<string> {
  const names = await readdir(directory).catch((cause) => {
    throw new AgentError('model_unreadable', `the folder ${directory} cannot be read`, { cause })
  })
  const [file, ...more] = names.filter((name) => name.toLowerCase().endsWith('.gguf'))
  if (file === undefined) throw new AgentError('model_unreadable', `there is no .gguf file in ${directory}`)
  if (more.length > 0) throw new AgentError('model_unreadable', `there is more than one .gguf file in ${directory}`)
  return join(directory, file)
}
