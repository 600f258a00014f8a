import type { Given, GivenText } from './given.ts'
import type { Problem } from './problem.ts'
import { exampleOf, SETTING_NAMES, settingNamed } from './settings.ts'
import type { SettingName, Values } from './settings.ts'

/** Parses every setting by its kind; what is set nowhere has its default. A wrong one is missing from the values. */
export function parseGiven(given: Given): { values: Partial<Values>; problems: Problem[] } {
  const values: Partial<Record<SettingName, unknown>> = {}
  const problems: Problem[] = []
  for (const name of SETTING_NAMES) {
    const setting = settingNamed(name)
    const written = given.get(name)
    const text = written?.text ?? setting.default
    if (text === undefined) continue
    const parsed = setting.kind.parse(text)
    if ('value' in parsed) values[name] = parsed.value
    else problems.push({ setting: name, message: brokenRule(name, parsed.wrong, written?.source) })
  }
  return { values: values as Partial<Values>, problems }
}

function brokenRule(name: SettingName, wrong: string, source: GivenText['source'] | undefined): string {
  const { kind, secret } = settingNamed(name)
  const place = source === 'environment' ? 'in the environment' : `in ${source}`
  const was = secret ? ` (set ${place})` : `, but is ${shown(wrong)} ${place}`
  return `must be ${kind.rule}${was}. Example: ${exampleOf(name)}`
}

const LONGEST_SHOWN = 80

/** Text as an error quotes it. */
const shown = (text: string): string => JSON.stringify(abridged(text))

/** Text fit to be shown: on one line, not too long, and without what a web address may hide (a user name, a query). */
export function abridged(text: string): string {
  const harmless = text
    .replace(/\/\/[^/\s]*@/g, '//…@')
    .replace(/([:/][^?\s]*)\?.*$/s, '$1?…')
    .replace(/[\p{Cc}\u2028\u2029]/gu, '\uFFFD')
  return harmless.length > LONGEST_SHOWN ? `${harmless.slice(0, LONGEST_SHOWN)}…` : harmless
}
