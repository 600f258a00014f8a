import type { Database, FactorFailuresTable } from '../../database/schema.ts'
import { hasPasskey } from '../passkeys/service.ts'
import { recoveryCodesLeft } from '../recovery-codes/service.ts'
import { hasTotp } from '../totp/service.ts'
import type { User } from '../users/service.ts'

/** A way to pass the second step, by the name the API gives it. */
export type Method = FactorFailuresTable['method']

export interface FactorRules {
  /** Whether a code by e-mail counts as a second factor (NIST SP 800-63B-4 §3.1.3.1 says it should not). */
  readonly emailAsSecondFactor: boolean
}

type Channel = 'email' | 'phone'

/** What of a user says which factors there are. */
export type FactorHolder = Pick<User, 'id' | 'emailVerifiedAt' | 'phoneVerifiedAt' | 'passwordResetAt'>

/**
 * The second factors a user has, recovery codes aside, the strongest first. After a reset by e-mail an e-mail code is none
 * until another factor has succeeded, where the user has another: or else whoever reads the mail has both.
 */
export async function secondFactorsOf(db: Database, { emailAsSecondFactor }: FactorRules, user: FactorHolder): Promise<Method[]> {
  const others: Method[] = [
    ...((await hasPasskey(db, user.id)) ? (['passkey'] as const) : []),
    ...((await hasTotp(db, user.id)) ? (['totp'] as const) : []),
    ...(user.phoneVerifiedAt === null ? [] : (['phone'] as const)),
  ]
  const isEmailBarred = user.passwordResetAt !== null && others.length > 0
  return user.emailVerifiedAt !== null && emailAsSecondFactor && !isEmailBarred ? [...others, 'email'] : others
}

/** What may pass the second step now, recovery codes last; `except` is the channel that was the first step. */
export async function usableMethods(
  db: Database,
  rules: FactorRules,
  user: FactorHolder,
  except?: Channel | null,
): Promise<Method[]> {
  const factors = (await secondFactorsOf(db, rules, user)).filter((method) => method !== except)
  return (await recoveryCodesLeft(db, user.id)) > 0 ? [...factors, 'recovery_code'] : factors
}
