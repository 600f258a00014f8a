import type { Fault } from '../../kernel/fault.ts'
import type { Random } from '../../kernel/random.ts'
import { createHasher } from './hasher.ts'
import type { Hasher } from './hasher.ts'
import { faultsOf } from './policy.ts'
import type { PasswordOwner, PasswordPolicy } from './policy.ts'

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
}): Passwords {
  const rules = { policy: parts.config.passwordPolicy, productName: parts.config.productName }
  return {
    ...createHasher(parts.random, parts.hashesAtOnce),
    faultsOf: (password, owner) => faultsOf(password, rules, owner),
  }
}
