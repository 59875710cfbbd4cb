import { readFileSync } from 'node:fs'

/** This appliance's version, which is also that of the agent it offers. */
export const VERSION: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
