import { editDistance } from '../config/names.ts'
import type { Command } from './command.ts'

// What a terminal and a page of documentation show without a break of their own.
const COLUMNS = 100

/** Every command in a line each. */
export const overview = (commands: readonly Command[]): string => `\
Latchkey, a self-hosted authentication server.

Usage: latchkey COMMAND [options]     (in the repository: npm run --silent latchkey -- COMMAND)

${table(commands.map((command) => [brief(command), command.summary]))}

--json makes any command print one line of JSON; --help after a command tells more of it.
Settings come from the environment and from .env in the folder it runs in, as for the server.
Exit code: 0 done, 1 failed, 2 not understood.`

export const groupHelp = (name: string, commands: readonly Command[]): string => `\
Usage: latchkey ${name} COMMAND [options]

${table(commands.map((command) => [shape(command), command.summary]))}`

export const commandHelp = (command: Command): string => `\
Usage: latchkey ${shape(command)} [options]

${wrap(`${command.summary} ${command.details}`, COLUMNS).join('\n')}

${table([
  ...Object.entries(command.options).map(([name, { value, help }]) => [flag(name, value), help] as const),
  ['--json', 'Print the result as one line of JSON.'],
  ['--help', 'Print this.'],
])}`

/** What a command is about; its own help tells the rest of what it wants. */
const brief = (command: Command): string =>
  command.operand === undefined ? shape(command) : `${command.name} ${operandOf(command)}`

/** The command as it is typed at the least. */
function shape(command: Command): string {
  const { name, options } = command
  const required = Object.entries(options).filter(([, option]) => option.required)
  return [
    name,
    ...required.map(([option, { value }]) => flag(option, value)),
    ...(command.operand ? [operandOf(command)] : []),
  ].join(' ')
}

const operandOf = ({ operand, takesSeveral }: Command): string => `${operand}${takesSeveral ? '…' : ''}`

const flag = (name: string, value: string | undefined): string =>
  value === undefined ? `--${name}` : `--${name} ${value}`

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  const gap = ' '.repeat(width + 4)
  return rows
    .map(([left, right]) => `  ${left.padEnd(width)}  ${wrap(right, COLUMNS - gap.length).join(`\n${gap}`)}`)
    .join('\n')
}

/** The words in lines of at most so many columns, whatever lines they were in; what is quoted as code stays in one piece. */
function wrap(text: string, columns: number): string[] {
  const [first = '', ...rest] = text.match(/(?:`[^`]*`|\S)+/g) ?? []
  const lines = [first]
  for (const word of rest) {
    const longer = `${lines.at(-1)} ${word}`
    if (longer.length <= columns) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

/** The known word that was most likely meant, or undefined when none is like it. */
export function closest(given: string, known: readonly string[]): string | undefined {
  const near = known
    .map((word) => ({ word, edits: editDistance(given, word) }))
    .filter(({ word, edits }) => edits <= Math.min(3, Math.floor(word.length / 2)))
  return near.toSorted((a, b) => a.edits - b.edits)[0]?.word
}
