import type { Database } from '../../database/schema.ts'
import { type Passkey, passkeysOf } from '../passkeys/service.ts'
import { recoveryCodesLeft } from '../recovery-codes/service.ts'
import { findTotp } from '../totp/service.ts'
import { findById } from '../users/service.ts'
import type { WayInRules } from './last-way-in.ts'
import { secondFactorsOf } from './methods.ts'

/** Everything a user has to prove himself by, beside a password. */
export interface Overview {
  readonly twoFactor: boolean
  readonly email: { readonly isVerified: boolean; readonly isSecondFactor: boolean }
  readonly phone: { readonly isVerified: boolean; readonly isSecondFactor: boolean; readonly signsIn: boolean }
  readonly totpConfirmedAt: Date | null
  readonly passkeys: readonly Passkey[]
  readonly recoveryCodesLeft: number
}

/** Undefined when there is no such user. */
export async function overviewOf(db: Database, rules: WayInRules, userId: number): Promise<Overview | undefined> {
  const user = await findById(db, userId)
  if (!user) return undefined
  const factors = await secondFactorsOf(db, rules, user)
  const isPhoneVerified = user.phoneVerifiedAt !== null
  return {
    twoFactor: user.twoFactorSince !== null,
    email: { isVerified: user.emailVerifiedAt !== null, isSecondFactor: factors.includes('email') },
    phone: {
      isVerified: isPhoneVerified,
      isSecondFactor: factors.includes('phone'),
      signsIn: rules.byCode && isPhoneVerified && user.phoneSignInSince !== null,
    },
    totpConfirmedAt: (await findTotp(db, userId))?.confirmedAt ?? null,
    passkeys: await passkeysOf(db, userId),
    recoveryCodesLeft: await recoveryCodesLeft(db, userId),
  }
}
