import { parseArgs } from 'node:util'
import { type OwnerReset, resetOwner } from '../../server/auth/reset-owner.ts'
import { systemClock } from '../../server/clock.ts'
import { EnvError, readStorageEnv } from '../../server/env.ts'
import { createStore } from '../../server/store/client.ts'

const EXIT = { ok: 0, failed: 1, refused: 10, unsupported: 20, malformed: 30 } as const

const USAGE = `Usage: espalier people reset-owner [--email ADDRESS] [--remove-second-factor] [--json]

For when no owner can sign in any more: makes a link, once and for 72 hours, by which an owner sets a new password.
An owner that was disabled is enabled. It is in the audit trail as done by the machine.
Works on the appliance’s database: give it the same ESPALIER_MODE, DATABASE_URL, ESPALIER_SECRET and ESPALIER_PUBLIC_URL.
The appliance may be running, and has to be when the link is opened.

Exit status: 0 done, 1 database or configuration, 10 no such owner, or it is not clear which one is meant,
20 not for evaluation mode, 30 malformed input.`

type Outcome = { exit: (typeof EXIT)[keyof typeof EXIT]; code: string; message: string; facts?: object }

/** `espalier people …`: what can be done about accounts by whoever has the machine itself. */
export async function peopleCommand(argv: string[]): Promise<number> {
  const { exit, code, message, facts } = await run(argv).catch(explain)
  if (argv.includes('--json')) process.stdout.write(`${JSON.stringify({ code, message, exitCode: exit, ...facts })}\n`)
  else (exit === EXIT.ok ? process.stdout : process.stderr).write(`${message}\n`)
  return exit
}

class InputError extends Error {}

async function run(argv: string[]): Promise<Outcome> {
  const { values, positionals } = parse(argv)
  if (values.help === true || positionals[0] === 'help') return { exit: EXIT.ok, code: 'help', message: USAGE }
  if (positionals.length !== 1 || positionals[0] !== 'reset-owner') throw new InputError(USAGE)
  const env = readStorageEnv(process.env)
  if (env.mode === 'evaluation') return { exit: EXIT.unsupported, code: 'evaluation_mode', message: EVALUATION }
  if (env.databaseUrl === undefined) throw new TypeError('production has a database')
  const publicUrl = readPublicUrl()
  const { store, close } = createStore(env.databaseUrl, { maxConnections: 1 })
  try {
    const wish = { email: values.email, removesSecondFactor: values['remove-second-factor'] === true }
    return describe(await resetOwner({ store, clock: systemClock, publicUrl }, wish))
  } finally {
    await close()
  }
}

const EVALUATION = `In evaluation mode the owner’s password is in first-run.json, in the data folder. Where that file is lost, delete what is
left of it and start again: the password is made anew.`

function parse(argv: string[]) {
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: { email: { type: 'string' }, 'remove-second-factor': flag, json: flag, help: { ...flag, short: 'h' } },
    })
  } catch (error) {
    throw new InputError(error instanceof Error ? error.message : 'The options are malformed.')
  }
}

function readPublicUrl(): URL {
  const given = process.env.ESPALIER_PUBLIC_URL ?? ''
  if (!URL.canParse(given)) throw new InputError('Set ESPALIER_PUBLIC_URL as it is for the appliance: the link leads there.')
  return new URL(given)
}

function describe(reset: OwnerReset): Outcome {
  switch (reset.outcome) {
    case 'ambiguous': {
      const message = `There are several owners. Name one with --email:\n${reset.owners.map((email) => `  ${email}`).join('\n')}`
      return { exit: EXIT.refused, code: 'ambiguous', message, facts: { owners: reset.owners } }
    }
    case 'no-such-owner': {
      const known = reset.owners.length === 0 ? 'There is none: has the appliance started on this database?' : reset.owners.join(', ')
      return { exit: EXIT.refused, code: 'no_such_owner', message: `There is no such owner. ${known}`, facts: { owners: reset.owners } }
    }
    case 'offered': {
      const { email, wasDisabled, offer } = reset
      const enabled = wasDisabled ? '\nThe account was disabled, and is enabled now.' : ''
      const message = `A new password for ${email}, once, until ${offer.expiresAt.toISOString()}:\n  ${offer.link}${enabled}`
      return { exit: EXIT.ok, code: 'offered', message, facts: { email, wasDisabled, link: offer.link, expiresAt: offer.expiresAt } }
    }
    default:
      return reset satisfies never
  }
}

function explain(error: unknown): Outcome {
  if (error instanceof InputError) return { exit: EXIT.malformed, code: 'bad_option', message: error.message }
  if (error instanceof EnvError) {
    return { exit: EXIT.failed, code: 'configuration', message: error.message, facts: { faults: error.faults } }
  }
  if (error instanceof TypeError) throw error
  const cause = (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1)
  const message = `The appliance’s database did not do it: ${cause} Check DATABASE_URL, and that the appliance has started on it once.`
  return { exit: EXIT.failed, code: 'database', message }
}
