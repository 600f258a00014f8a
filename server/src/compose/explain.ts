import { ConfigError } from '../config/problem.ts'
import { DatabaseBusy } from '../database/errors.ts'
import { DatabaseUnfit } from '../database/unfit.ts'
import { BreachedUnfit, ListUnfit } from '../features/passwords/service.ts'
import { KeysMissing, KeysUnfit } from '../features/tokens/sealed-keys.ts'
import { BackupUnfit } from './backup/unfit.ts'
import { DatabaseMissing, SecretDiffers } from './foundation.ts'
import { SecretMissing, SecretUnfit } from './secret-file.ts'

/** Errors whose own words tell the operator what to do. */
const OPERATORS: readonly (new (...arguments_: never[]) => Error)[] = [
  ConfigError,
  DatabaseMissing,
  DatabaseUnfit,
  DatabaseBusy,
  SecretMissing,
  SecretUnfit,
  SecretDiffers,
  KeysMissing,
  KeysUnfit,
  BreachedUnfit,
  ListUnfit,
  BackupUnfit,
]

/** What the system may refuse, and which setting it is about. */
const REFUSED_BY_SYSTEM: Readonly<Record<string, (error: SystemError) => string>> = {
  EADDRINUSE: ({ port }) => `Port ${port} is taken by another program. Stop it, or set PORT to another number.`,
  EADDRNOTAVAIL: ({ address }) => `HOST ${address} is no address of this machine. 127.0.0.1 or 0.0.0.0 always is one.`,
  ENOTFOUND: ({ hostname }) => `HOST ${hostname} is no name this machine knows. 127.0.0.1 or 0.0.0.0 always works.`,
  EACCES: ({ message }) => `Not allowed: ${message}. Choose another PORT or DATA_DIR, or give this user the right.`,
  EPERM: ({ message }) => `Not allowed: ${message}. Give this user the right.`,
  EROFS: ({ message }) => `The disk is read-only: ${message}. Point DATA_DIR to another.`,
  ENOSPC: ({ message }) => `The disk is full: ${message}.`,
}

type SystemError = NodeJS.ErrnoException & { readonly port?: number; readonly address?: string; hostname?: string }

/** What to tell whoever started a process that fails: words where it is theirs to mend, else the stack. */
export function explain(error: unknown): string {
  if (OPERATORS.some((kind) => error instanceof kind)) return (error as Error).message
  const system = error as SystemError
  if (system.name === 'AbortError') return 'Stopped before anything was done.'
  const words = REFUSED_BY_SYSTEM[system.code ?? '']
  return words ? words(system) : (system.stack ?? String(error))
}
