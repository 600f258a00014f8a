import type { Database } from '../../database/schema.ts'
import { NO_PASSWORD } from '../passwords/service.ts'
import { lockUser, type User } from '../users/service.ts'
import { type FactorRules, factorsAmong, type Holdings, holdingsOf, type Method } from './methods.ts'

export interface WayInRules extends FactorRules {
  /** Whether a code to a verified address may begin a sign-in (`SIGN_IN_BY_CODE`). */
  readonly byCode: boolean
}

type Possessions = Holdings & { readonly password: boolean }

export const possessionsOf = async (db: Database, user: User): Promise<Possessions> => ({
  ...(await holdingsOf(db, user)),
  password: user.passwordHash !== NO_PASSWORD,
})

type FirstStep = 'password' | 'passkey' | 'email' | 'phone'

/**
 * The first steps that lead into an account: with two factors on, those alone after which another factor is left to pass.
 * That a verified e-mail can reset a password counts for none: mail is what people lose together with everything else, the
 * account would open to whoever reads it, and with two factors on a reset alone opens nothing.
 */
export function waysIn(has: Possessions, rules: WayInRules, user: User): FirstStep[] {
  const factors = factorsAmong(has, rules, user)
  const isLeft = (first: FirstStep) => user.twoFactorSince === null || factors.some((factor) => factor !== first)
  return [
    ...(has.password && isLeft('password') ? (['password'] as const) : []),
    // Two factors in one.
    ...(has.passkeys > 0 ? (['passkey'] as const) : []),
    ...(rules.byCode && has.email && isLeft('email') ? (['email'] as const) : []),
    ...(rules.byCode && has.phone && user.phoneSignInSince !== null && isLeft('phone') ? (['phone'] as const) : []),
  ]
}

const without = (has: Possessions, removing: Method | 'password'): Possessions => {
  if (removing === 'recovery_code') return has
  return removing === 'passkey' ? { ...has, passkeys: has.passkeys - 1 } : { ...has, [removing]: false }
}

/**
 * Why a method (of passkeys: one) has to stay, or undefined. `last_factor`: two factors are on, and nothing but recovery codes
 * would be left for the second step. `last_sign_in_method`: nobody could begin a sign-in any more. What opens nothing as it
 * is may go. Locks the user's row, so that of two removals at once the later sees the earlier: takes the transaction that
 * removes.
 */
export async function whyKeep(
  db: Database,
  rules: WayInRules,
  { id }: Pick<User, 'id'>,
  removing: Method | 'password',
): Promise<'last_factor' | 'last_sign_in_method' | undefined> {
  const user = await lockUser(db, id)
  if (!user) return undefined
  const has = await possessionsOf(db, user)
  const left = without(has, removing)
  const takesLast = (of: (has: Possessions) => readonly unknown[]) => of(has).length > 0 && of(left).length === 0
  if (user.twoFactorSince !== null && takesLast((has) => factorsAmong(has, rules, user))) return 'last_factor'
  return takesLast((has) => waysIn(has, rules, user)) ? 'last_sign_in_method' : undefined
}
