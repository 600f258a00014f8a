import type { Database, FactorFailuresTable } from '../../database/schema.ts'
import { passkeysOf } from '../passkeys/service.ts'
import { recoveryCodesLeft } from '../recovery-codes/service.ts'
import { hasTotp } from '../totp/service.ts'
import type { User } from '../users/service.ts'

/** A way to pass the second step, by the name the API gives it. */
export type Method = FactorFailuresTable['method']

/** A second factor; recovery codes stand in for one and are none. */
export type Factor = Exclude<Method, 'recovery_code'>

export interface FactorRules {
  /** Whether a code by e-mail counts as a second factor (NIST SP 800-63B-4 §3.1.3.1 says it should not). */
  readonly emailAsSecondFactor: boolean
}

type Channel = 'email' | 'phone'

/** What of a user says which factors there are. */
export type FactorHolder = Pick<User, 'id' | 'emailVerifiedAt' | 'phoneVerifiedAt' | 'passwordResetAt'>

/** What a user can prove, before any rule is asked what it is good for. */
export interface Holdings {
  readonly passkeys: number
  readonly totp: boolean
  /** Verified. */
  readonly phone: boolean
  readonly email: boolean
}

export const holdingsOf = async (db: Database, user: FactorHolder): Promise<Holdings> => ({
  passkeys: (await passkeysOf(db, user.id)).length,
  totp: await hasTotp(db, user.id),
  phone: user.phoneVerifiedAt !== null,
  email: user.emailVerifiedAt !== null,
})

/**
 * The second factors among what a user has, the strongest first. After a reset by e-mail an e-mail code is none until another
 * factor has succeeded, where the user has another: or else whoever reads the mail has both.
 */
export function factorsAmong(
  { passkeys, totp, phone, email }: Holdings,
  { emailAsSecondFactor }: FactorRules,
  { passwordResetAt }: Pick<FactorHolder, 'passwordResetAt'>,
): Factor[] {
  const others: Factor[] = [
    ...(passkeys > 0 ? (['passkey'] as const) : []),
    ...(totp ? (['totp'] as const) : []),
    ...(phone ? (['phone'] as const) : []),
  ]
  const isEmailBarred = passwordResetAt !== null && others.length > 0
  return email && emailAsSecondFactor && !isEmailBarred ? [...others, 'email'] : others
}

/** The second factors a user has, recovery codes aside, the strongest first. */
export const secondFactorsOf = async (db: Database, rules: FactorRules, user: FactorHolder): Promise<Factor[]> =>
  factorsAmong(await holdingsOf(db, user), rules, user)

/**
 * What may pass the second step now, recovery codes last; `except` is the channel that was the first step. After a reset by
 * e-mail recovery codes, too, are another factor: whoever reads the mail has none of them.
 */
export async function usableMethods(
  db: Database,
  rules: FactorRules,
  user: FactorHolder,
  except?: Channel | null,
): Promise<Method[]> {
  const factors = (await secondFactorsOf(db, rules, user)).filter((method) => method !== except)
  if ((await recoveryCodesLeft(db, user.id)) === 0) return factors
  const trusted = user.passwordResetAt === null ? factors : factors.filter((method) => method !== 'email')
  return [...trusted, 'recovery_code']
}
