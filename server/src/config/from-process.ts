import { readFileSync } from 'node:fs'
import { type Reading, readConfig } from '../config.ts'
import type { Environment } from './given.ts'
import { ConfigError } from './problem.ts'

/** The settings of this process: its environment, then `.env` in its folder. Throws ConfigError. */
export const readSettings = (environment: Environment): Reading => readConfig(environment, readDotenvFile())

function readDotenvFile(): string {
  try {
    return readFileSync('.env', 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new ConfigError([{ setting: '.env', message: `cannot be read: ${(error as Error).message}` }])
  }
}
