import { changeSystem } from '../system-state.ts'
import { type Command, CommandFormatError, optionalString, RIGHT, requireRight } from './command.ts'

/** Apple: RestartDevice. */
export const restartDevice: Command = async (_command, context) => {
  requireRight(context, RIGHT.lockAndPasscode, 'restart')
  context.later({ kind: 'reboot' })
  return {}
}

/** Apple: ShutDownDevice. */
export const shutDownDevice: Command = async (_command, context) => {
  requireRight(context, RIGHT.lockAndPasscode, 'shut down')
  context.later({ kind: 'shut-down' })
  return {}
}

const PIN = /^\d{6}$/

/** Apple: DeviceLock. A Mac restarts into a screen that wants the PIN, and answers nobody until it has been typed. */
export const deviceLock: Command = async (command, context) => {
  requireRight(context, RIGHT.lockAndPasscode, 'lock')
  const pin = optionalString(command, 'PIN')
  if (pin === undefined || !PIN.test(pin)) throw new CommandFormatError('PIN is not six digits')
  const message = optionalString(command, 'Message')
  changeSystem(context.directory, (state) => ({ ...state, lockedWith: { pin, ...(message === undefined ? {} : { message }) } }))
  context.later({ kind: 'lock' })
  return message === undefined ? {} : { MessageResult: 'Success' }
}

const BEHAVIOURS = ['Default', 'DoNotObliterate', 'ObliterateWithWarning', 'Always']

/** Apple: EraseDevice. Nothing of the Mac's memory is left; the hardware is the same. */
export const eraseDevice: Command = async (command, context) => {
  requireRight(context, RIGHT.erase, 'erase')
  const pin = optionalString(command, 'PIN')
  if (pin !== undefined && !PIN.test(pin)) throw new CommandFormatError('PIN is not six digits')
  const behaviour = optionalString(command, 'ObliterationBehavior') ?? 'Default'
  if (!BEHAVIOURS.includes(behaviour)) throw new CommandFormatError('ObliterationBehavior is unknown')
  context.later({ kind: 'erase' })
  return {}
}
