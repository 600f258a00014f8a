import { readFileSync } from 'node:fs'
import { SecretDiffers } from './compose/foundation.ts'
import { SecretMissing } from './compose/secret-file.ts'
import { type Reading, readConfig } from './config.ts'
import { ConfigError } from './config/problem.ts'
import { DatabaseUnfit } from './database/unfit.ts'
import { KeysMissing, KeysUnfit } from './features/tokens/sealed-keys.ts'

/** The settings of this process: its environment, then `.env` in its folder. Throws ConfigError. */
export function readSettings(): Reading {
  return readConfig(process.env, readDotenv())
}

function readDotenv(): string {
  try {
    return readFileSync('.env', 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new ConfigError([{ setting: '.env', message: `cannot be read: ${(error as Error).message}` }])
  }
}

/** Errors whose own words tell the operator what to do. Anything else is a fault of ours and shows its stack. */
const OPERATORS: readonly (new (...arguments_: never[]) => Error)[] = [
  ConfigError,
  DatabaseUnfit,
  SecretMissing,
  SecretDiffers,
  KeysMissing,
  KeysUnfit,
]

/** What to print when a start fails. */
export function explain(error: unknown): string {
  const { code, port, message, stack } = error as NodeJS.ErrnoException & { port?: number }
  if (OPERATORS.some((kind) => error instanceof kind)) return `${message}\n`
  if (code === 'EADDRINUSE')
    return `Port ${port} is taken by another program. Stop it, or set PORT to another number.\n`
  if (code === 'EACCES')
    return `Not allowed: ${message}. Choose another PORT or DATA_DIR, or give this user the right.\n`
  return `${stack ?? String(error)}\n`
}
