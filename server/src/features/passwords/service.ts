import type { Fault } from '../../kernel/fault.ts'
import type { Random } from '../../kernel/random.ts'
import type { BreachedPasswords } from './breached.ts'
import { createHasher } from './hasher.ts'
import type { Hasher } from './hasher.ts'
import { faultsOf } from './policy.ts'
import type { PasswordOwner, PasswordPolicy } from './policy.ts'

export { type BreachedPasswords, BreachedUnfit, openBreached } from './breached.ts'
export { importBreached, type ImportProgress } from './breached-import.ts'
export { ListUnfit } from './breached-lists.ts'

/** What is kept where there is no password, as in Django: nothing matches it. */
export const NO_PASSWORD = '!'

/** What a password may be, and how it is kept and compared. Never to be called inside a transaction: hashing takes time. */
export interface Passwords extends Hasher {
  /** Everything that is wrong with a password its owner wants, at once; empty when it may be used. */
  faultsOf(password: string, owner: PasswordOwner): Fault[]
}

export function createPasswords(parts: {
  config: { readonly passwordPolicy: PasswordPolicy; readonly productName: string }
  random: Random
  hashesAtOnce: number
  breached?: BreachedPasswords | undefined
}): Passwords {
  const { config, breached } = parts
  const rules = { policy: config.passwordPolicy, productName: config.productName, breached }
  return {
    ...createHasher(parts.random, parts.hashesAtOnce),
    faultsOf: (password, owner) => faultsOf(password, rules, owner),
  }
}
