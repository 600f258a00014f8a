import { readFileSync } from 'node:fs'
import { readDotenv } from './dotenv.ts'
import { unquote } from './kinds.ts'
import { KNOWN_NAMES, nearMiss, suggestion } from './names.ts'
import type { Problem } from './problem.ts'
import { SETTING_NAMES, settingNamed } from './settings.ts'
import type { SettingName } from './settings.ts'

/** Where a value came from. `file`: the one that `NAME_FILE` names. */
export type Source = 'environment' | '.env' | 'file' | 'default'

export interface GivenText {
  readonly text: string
  readonly source: Exclude<Source, 'default'>
}

/** What the operator wrote, by setting; what was left empty is not there. */
export type Given = ReadonlyMap<SettingName, GivenText>

/** The process environment, or one like it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Finds the text of every setting, and names what is written nowhere it could be read from. */
export function gather(environment: Environment, dotenvText: string): { given: Given; problems: Problem[] } {
  const dotenv = readDotenv(dotenvText)
  const problems = [...dotenv.problems, ...unknownNames(environment, dotenv.values)]
  const given = new Map<SettingName, GivenText>()
  for (const name of SETTING_NAMES) {
    const found = findText(name, environment, dotenv.values)
    if (typeof found === 'string') problems.push({ setting: name, message: found })
    else if (found) given.set(name, found)
  }
  return { given, problems }
}

function unknownNames(environment: Environment, dotenv: ReadonlyMap<string, string>): Problem[] {
  const inDotenv = [...dotenv.keys()]
    .filter((name) => !KNOWN_NAMES.includes(name))
    .map((setting) => ({ setting, message: `in .env is no setting${didYouMean(suggestion(setting))}` }))
  const inEnvironment = Object.entries(environment)
    .filter(([, text]) => !isBlank(text))
    .map(([setting]) => ({ setting, meant: nearMiss(setting) }))
    .filter(({ meant }) => meant !== undefined)
    .map(({ setting, meant }) => ({ setting, message: `in the environment is no setting${didYouMean(meant)}` }))
  return [...inDotenv, ...inEnvironment]
}

const didYouMean = (name: string | undefined): string =>
  name === undefined ? '. docs/settings.md lists them all' : `: did you mean ${name}?`

const isBlank = (text: string | undefined): boolean => text === undefined || text.trim() === ''

/** The text of one setting, what is wrong with where it stands, or undefined when it is set nowhere. */
function findText(
  name: SettingName,
  environment: Environment,
  dotenv: ReadonlyMap<string, string>,
): GivenText | string | undefined {
  const direct = lookUp(name, environment, dotenv)
  // Spaces around a password may belong to it; around anything else they never do, nor do quotes.
  if (!settingNamed(name).secret) return direct && { ...direct, text: unquote(direct.text.trim()).trim() }
  const file = lookUp(`${name}_FILE`, environment, dotenv)
  if (direct && file) return `and ${name}_FILE are both set: keep one of them`
  return file ? readSecretFile(file.text) : direct
}

function lookUp(name: string, environment: Environment, dotenv: ReadonlyMap<string, string>): GivenText | undefined {
  const inEnvironment = environment[name]
  if (!isBlank(inEnvironment)) return { text: inEnvironment!, source: 'environment' }
  const inDotenv = dotenv.get(name)
  return isBlank(inDotenv) ? undefined : { text: inDotenv!, source: '.env' }
}

/** The file's text without the newline editors put at the end; what is wrong with the file, when something is. */
function readSecretFile(path: string): GivenText | string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)).replace(/\r?\n$/, '')
    return isBlank(text) ? `is read from ${path}, which is empty` : { text, source: 'file' }
  } catch (error) {
    return `is read from ${path}, which cannot be read (${codeOf(error)})`
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error'
