import { parseArgs } from 'node:util'
import { explain } from '../compose/explain.ts'
import { VERSION } from '../kernel/version.ts'
import { COMMANDS } from './all.ts'
import type { Call, Command, Report, Tools } from './command.ts'
import { closest, commandHelp, groupHelp, overview } from './help.ts'

const SUCCESS = 0
const FAILURE = 1
const MISUSE = 2

/** Runs what an operator typed and resolves to the exit code: 0 done, 1 failed, 2 not understood. */
export async function run(words: readonly string[], tools: Tools): Promise<number> {
  const [first, ...rest] = words
  if (first === undefined) return misuse(tools, overview(COMMANDS))
  if (first === '--version') return say(tools, VERSION)
  if (['--help', '-h'].includes(first)) return say(tools, overview(COMMANDS))
  if (first === 'help') return rest.length === 0 ? say(tools, overview(COMMANDS)) : run([...rest, '--help'], tools)
  const command = COMMANDS.find(({ name }) => name === first || name === `${first} ${rest[0]}`)
  if (command) return runCommand(command, words.slice(command.name.split(' ').length), tools)
  return runGroup(first, rest, tools)
}

/** `keys` alone is no command; what may follow is told. */
function runGroup(first: string, [second]: readonly string[], tools: Tools): number {
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `))
  const isBare = second === undefined || second.startsWith('-')
  if (group.length > 0 && (second === '--help' || second === '-h')) return say(tools, groupHelp(first, group))
  if (group.length > 0 && isBare) return misuse(tools, groupHelp(first, group))
  const names = COMMANDS.map(({ name }) => name)
  return misuse(tools, isBare ? unknown('command', first, names) : unknown('command', `${first} ${second}`, names))
}

async function runCommand(command: Command, words: readonly string[], tools: Tools): Promise<number> {
  const parsed = parse(command, words, tools)
  if (typeof parsed === 'string') return misuse(tools, `${parsed}\nTry: latchkey ${command.name} --help`)
  if (parsed.values['help'] === true) return say(tools, commandHelp(command))
  try {
    return tell(await command.run(parsed), parsed)
  } catch (error) {
    return complain(parsed, explain(error))
  }
}

/** The call these words make, or what is wrong with them. */
function parse(command: Command, words: readonly string[], tools: Tools): Call | string {
  const known = { ...command.options, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const
  try {
    const { values, positionals } = parseArgs({ args: [...words], options: known, allowPositionals: true })
    const call = { values, operand: positionals[0] ?? '', operands: positionals, json: values['json'] === true, tools }
    return values['help'] === true ? call : (wrongWords(command, positionals, values) ?? call)
  } catch (error) {
    return wrongOption(error, Object.keys(known))
  }
}

function wrongWords(
  { name, operand, takesSeveral, options }: Command,
  positionals: string[],
  values: Call['values'],
): string | undefined {
  const surplus = positionals[operand === undefined ? 0 : 1]
  if (surplus !== undefined && !takesSeveral) return `latchkey ${name} takes no ${JSON.stringify(surplus)}.`
  if (operand !== undefined && positionals.length === 0) return `latchkey ${name} wants ${operand}.`
  const missing = Object.keys(options).find((option) => options[option]?.required && values[option] === undefined)
  return missing === undefined ? undefined : `latchkey ${name} wants --${missing}.`
}

function wrongOption(error: unknown, names: readonly string[]): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (!code?.startsWith('ERR_PARSE_ARGS_')) throw error
  if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return message
  const option = /'(-[^']*)'/.exec(message)?.[1] ?? ''
  return unknown(
    'option',
    option,
    names.map((name) => `--${name}`),
  )
}

function unknown(what: string, given: string, known: readonly string[]): string {
  const meant = closest(given, known)
  const rest = meant === undefined ? 'See latchkey --help.' : `Did you mean ${meant}?`
  return `There is no ${what} ${JSON.stringify(given)}. ${rest}`
}

function tell(report: Report, call: Call): number {
  const { print } = call.tools
  switch (report.kind) {
    case 'ended':
      return SUCCESS
    case 'refused':
      return complain(call, report.text)
    case 'done':
    case 'failed':
      print(call.json ? JSON.stringify(report.data) : report.text)
      return report.kind === 'done' ? SUCCESS : FAILURE
  }
}

function complain({ json, tools }: Call, text: string): number {
  tools.complain(json ? JSON.stringify({ error: text }) : text)
  return FAILURE
}

function misuse(tools: Tools, text: string): number {
  tools.complain(text)
  return MISUSE
}

function say(tools: Tools, text: string): number {
  tools.print(text)
  return SUCCESS
}
