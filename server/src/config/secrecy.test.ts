import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../config.ts'
import { ConfigError } from './problem.ts'
import { formatSources } from './report.ts'
import { SETTING_NAMES, settingNamed } from './settings.ts'

const SECRETS = SETTING_NAMES.filter((name) => settingNamed(name).secret)
const OTHERS = SETTING_NAMES.filter((name) => !settingNamed(name).secret)

/** All that an operator or a log would see of a start with these settings. */
function everythingSaid(environment: Record<string, string>, dotenv: string): string {
  try {
    const { sources, warnings, missingForProduction } = readConfig(environment, dotenv)
    return `${JSON.stringify([sources, warnings, missingForProduction])}\n${formatSources(sources)}`
  } catch (error) {
    if (error instanceof ConfigError) return `${error.stack}${JSON.stringify(error.problems)}`
    throw error
  }
}

const plausible = fc.oneof(
  fc.constantFrom(
    '',
    'true',
    'false',
    'production',
    '587',
    '465',
    '15m',
    '7d',
    'off',
    '5/min',
    '0.0.0.0',
    '*',
    'localhost',
  ),
  fc.constantFrom(
    'https://example.com',
    'http://example.com',
    'someone@gmail.com',
    '10.0.0.0/8',
    'nist',
    'on',
    'RS256',
  ),
  fc.string({ unit: 'binary' }),
)
const settings = fc.dictionary(
  fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...OTHERS) }, { weight: 1, arbitrary: fc.string() }),
  plausible,
)
const marked = fc
  .tuple(
    fc.stringMatching(/^[a-z]{12}$/),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', 'whsec_', '\n', 'postgres://me:'),
  )
  .map(([mark, tail, head]) => ({ mark: `canary${mark}`, text: `${head}canary${mark}${tail}` }))
const secrets = fc.dictionary(fc.constantFrom(...SECRETS), marked)

const textsOf = (chosen: Record<string, { text: string }>): Record<string, string> =>
  Object.fromEntries(Object.entries(chosen).map(([name, { text }]) => [name, text]))

const linesOf = (texts: Record<string, string>, quote: string): string =>
  Object.entries(texts)
    .map(([name, text]) => `${name}=${quote}${text}${quote}`)
    .join('\n')

describe('whatever is set', () => {
  it('is accepted or refused as a list of problems, and no secret from the environment is said', () => {
    fc.assert(
      fc.property(settings, secrets, (others, chosen) => {
        const said = everythingSaid({ ...others, ...textsOf(chosen) }, '')
        for (const { mark } of Object.values(chosen)) expect(said).not.toContain(mark)
      }),
    )
  })

  it('is so for a .env too, however it is broken', () => {
    fc.assert(
      fc.property(settings, secrets, fc.constantFrom('', "'", '"', '`'), fc.string(), (others, chosen, quote, junk) => {
        const said = everythingSaid({}, [linesOf(others, ''), junk, linesOf(textsOf(chosen), quote)].join('\n'))
        for (const { mark } of Object.values(chosen)) expect(said).not.toContain(mark)
      }),
    )
  })
})
