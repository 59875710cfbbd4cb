import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../test/support/scratch-folder.ts'
import { DataDirectoryLocked, lockDataDirectory } from './data-lock.ts'

const program = `import { lockDataDirectory } from ${JSON.stringify(join(import.meta.dirname, 'data-lock.ts'))}
try { lockDataDirectory(process.argv[1]); console.log('held') } catch (error) { console.log(error.name) }
setInterval(() => undefined, 1000)`

/** A process that tries to hold the lock and then stays. */
async function holder(dir: string): Promise<{ said: string; kill(): Promise<void> }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = await new Promise<string>((resolve) => child.stdout.once('data', (data) => resolve(String(data).trim())))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    said,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

describe('the lock of the data directory', () => {
  test('is free again after its release, and leaves no file behind', () => {
    const dir = scratchFolder()
    lockDataDirectory(dir).release()
    lockDataDirectory(dir).release()
    expect(readdirSync(dir)).toEqual([])
  })

  test('refuses a second holder, in the same process too', () => {
    const dir = scratchFolder()
    const lock = lockDataDirectory(dir)
    expect(() => lockDataDirectory(dir)).toThrow(DataDirectoryLocked)
    expect(() => lockDataDirectory(dir)).toThrow(`as process ${process.pid}. Stop it (kill ${process.pid}), or set ESPALIER_DATA`)
    lock.release()
  })

  test('is taken over from a process that was killed', async () => {
    const dir = scratchFolder()
    const killed = await holder(dir)
    expect(killed.said).toBe('held')
    await killed.kill()
    expect(existsSync(join(dir, 'lock'))).toBe(true)
    lockDataDirectory(dir).release()
  })

  test('is taken over from a process whose pid another one uses now', () => {
    const dir = scratchFolder()
    writeFileSync(join(dir, 'lock'), JSON.stringify({ pid: process.pid, startedAt: 'another boot/1' }))
    lockDataDirectory(dir).release()
  })

  test('is taken over when a power cut left it empty', () => {
    const dir = scratchFolder()
    writeFileSync(join(dir, 'lock'), '')
    lockDataDirectory(dir).release()
  })

  test('of many that find a dead lock at once, one holds it', async () => {
    const dir = scratchFolder()
    await (await holder(dir)).kill()
    const rivals = await Promise.all(Array.from({ length: 6 }, () => holder(dir)))
    expect(rivals.map((rival) => rival.said).sort()).toEqual([...Array(5).fill('DataDirectoryLocked'), 'held'])
    await Promise.all(rivals.map((rival) => rival.kill()))
  })

  test('a release does not free the lock of somebody else', () => {
    const dir = scratchFolder()
    const lock = lockDataDirectory(dir)
    writeFileSync(join(dir, 'lock'), 'somebody else')
    lock.release()
    expect(readFileSync(join(dir, 'lock'), 'utf8')).toBe('somebody else')
  })
})
