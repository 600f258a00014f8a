import { readConfig } from '../src/config.ts'
import { ConfigError } from '../src/config/problem.ts'
import type { Problem } from '../src/config/problem.ts'

type Environment = Readonly<Record<string, string>>

/** What is wrong with these settings; nothing when they are accepted. Anything thrown but a ConfigError goes on. */
export function problemsOf(environment: Environment, dotenv = ''): readonly Problem[] {
  try {
    readConfig(environment, dotenv)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

/** The settings that are named as wrong. */
export const namedIn = (environment: Environment, dotenv = ''): string[] =>
  problemsOf(environment, dotenv).map(({ setting }) => setting)
