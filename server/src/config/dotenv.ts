import { parseEnv } from 'node:util'
import type { Problem } from './problem.ts'

export interface Dotenv {
  readonly values: ReadonlyMap<string, string>
  readonly problems: readonly Problem[]
}

interface Assignment {
  readonly name: string
  readonly value: string
  /** The first line after it. */
  readonly next: number
}

/**
 * Reads the text of a `.env` file. Values are what `util.parseEnv` makes of each assignment by itself: of a whole file it
 * silently drops a line it cannot read, takes the next line for the value of `NAME= `, everything up to the end for an
 * unclosed quote, and cuts `a#b` at the hash, which Django's own secret keys contain. Here a line that cannot be read is a
 * problem named by its number, never by its text, and a comment after a value begins with a space and `#`.
 */
export function readDotenv(text: string): Dotenv {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  const values = new Map<string, string>()
  const lineOf = new Map<string, number>()
  const problems: Problem[] = []
  for (let index = 0; index < lines.length;) {
    const read = readAssignment(lines, index)
    if (typeof read === 'string') problems.push({ setting: `Line ${index + 1} of .env`, message: read })
    if (typeof read !== 'object') {
      index += 1
      continue
    }
    const earlier = lineOf.get(read.name)
    if (earlier !== undefined) problems.push(setTwice(read.name, earlier, index + 1))
    lineOf.set(read.name, index + 1)
    values.set(read.name, read.value)
    index = read.next
  }
  return { values, problems }
}

const setTwice = (setting: string, first: number, second: number): Problem => ({
  setting,
  message: `is set twice in .env, in lines ${first} and ${second}: keep one of them`,
})

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)$/

/** The assignment that begins in this line, what is wrong with it, or undefined for a blank line or a comment. */
function readAssignment(lines: readonly string[], index: number): Assignment | string | undefined {
  const line = lines[index]!
  if (/^\s*(?:#|$)/.test(line)) return undefined
  const [, name, rest = ''] = ASSIGNMENT.exec(line) ?? []
  if (name === undefined) return 'is neither NAME=value nor a comment. Example: PORT=8000'
  // Not quoted back: it may as well be a line of a secret that lost its quotes.
  if (!/^[A-Z][A-Z0-9_]*$/.test(name)) return 'sets a name that is not in capitals. Example: PORT=8000'
  if (/^['"`]/.test(rest)) return readQuoted(name, rest, lines, index)
  const value = rest.startsWith('#') ? '' : rest.replace(/\s#.*$/, '').trim()
  return { name, value, next: index + 1 }
}

function readQuoted(name: string, rest: string, lines: readonly string[], index: number): Assignment | string {
  const quote = rest.charAt(0)
  const last = rest.includes(quote, 1) ? index : lines.findIndex((line, at) => at > index && line.includes(quote))
  if (last === -1) return `opens a quote (${quote}) that is closed nowhere`
  const text = last === index ? rest : [rest, ...lines.slice(index + 1, last + 1)].join('\n')
  const end = text.indexOf(quote, 1) + 1
  if (!/^\s*(?:#.*)?$/.test(text.slice(end))) return `has text after its closing quote (${quote})`
  return { name, value: parseEnv(`VALUE=${text.slice(0, end)}`)['VALUE'] ?? '', next: last + 1 }
}
