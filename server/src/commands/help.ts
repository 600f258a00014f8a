import { editDistance } from '../config/names.ts'
import type { Command } from './command.ts'

/** Every command in a line each. */
export const overview = (commands: readonly Command[]): string => `\
Latchkey, a self-hosted authentication server.

Usage: latchkey COMMAND [options]     (in the repository: npm run --silent latchkey -- COMMAND)

${table(commands.map((command) => [shape(command), command.summary]))}

--json makes any command print one line of JSON; --help after a command tells more of it.
Settings come from the environment and from .env in the folder it runs in, as for the server.
Exit code: 0 done, 1 failed, 2 not understood.`

export const groupHelp = (name: string, commands: readonly Command[]): string => `\
Usage: latchkey ${name} COMMAND [options]

${table(commands.map((command) => [shape(command), command.summary]))}`

export const commandHelp = (command: Command): string => `\
Usage: latchkey ${shape(command)} [options]

${command.summary} ${command.details}

${table([
  ...Object.entries(command.options).map(([name, { value, help }]) => [flag(name, value), help] as const),
  ['--json', 'Print the result as one line of JSON.'],
  ['--help', 'Print this.'],
])}`

/** The command as it is typed at the least. */
function shape({ name, operand, options }: Command): string {
  const required = Object.entries(options).filter(([, option]) => option.required)
  return [name, ...required.map(([option, { value }]) => flag(option, value)), ...(operand ? [operand] : [])].join(' ')
}

const flag = (name: string, value: string | undefined): string =>
  value === undefined ? `--${name}` : `--${name} ${value}`

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

/** The known word that was most likely meant, or undefined when none is like it. */
export function closest(given: string, known: readonly string[]): string | undefined {
  const near = known
    .map((word) => ({ word, edits: editDistance(given, word) }))
    .filter(({ word, edits }) => edits <= Math.min(3, Math.floor(word.length / 2)))
  return near.toSorted((a, b) => a.edits - b.edits)[0]?.word
}
