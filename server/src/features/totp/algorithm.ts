import { Secret, TOTP } from 'otpauth'

/** What every authenticator app understands; many ignore any other choice (RFC 6238 §4, the Key URI format). */
const FORM = { algorithm: 'SHA1', digits: 6, period: 30 } as const

// For clocks that go wrong and people who type slowly (RFC 6238 §5.2).
const STEPS_EITHER_SIDE = 1

/** 160 bits (RFC 4226 §4, requirement R6). */
export const SECRET_BYTES = 20

const secretOf = (bytes: Uint8Array): Secret => new Secret({ buffer: Uint8Array.from(bytes).buffer })

const stepAt = (moment: Date): number => TOTP.counter({ period: FORM.period, timestamp: moment.getTime() })

/**
 * The step whose code this is (RFC 6238 §4.2: 30-second steps, 6 digits), one step either side of `now`; undefined when none
 * is. Whoever takes the code must keep the step, since each is good once. Does not limit tries.
 */
export function matchingStep(secret: Uint8Array, code: string, now: Date): number | undefined {
  const delta = TOTP.validate({
    ...FORM,
    secret: secretOf(secret),
    token: code,
    timestamp: now.getTime(),
    window: STEPS_EITHER_SIDE,
  })
  return delta === null ? undefined : stepAt(now) + delta
}

/** What an authenticator app is told: the secret, whose it is and for what. */
export interface AppDetails {
  /** Base32 (RFC 4648 §6) without padding: for typing where no picture can be read. */
  readonly secret: string
  /** `otpauth://totp/…`: what the picture holds. */
  readonly otpauthUrl: string
}

export function appDetails(bytes: Uint8Array, productName: string, account: string): AppDetails {
  const secret = secretOf(bytes)
  // The format parts service and account by a colon and has no way to write one within either.
  const issuer = productName.replaceAll(':', ' ')
  return { secret: secret.base32, otpauthUrl: new TOTP({ ...FORM, secret, issuer, label: account }).toString() }
}
