import { renderSVG } from 'uqr'
import { z } from 'zod'
import type { AppDetails } from '../totp/service.ts'
import type { Overview } from './overview.ts'

const CODE_EXAMPLES = [
  'V0NN-4GKM-7RQ2-8HXC',
  '3T6Y-AZ95-WD0E-KJ1P',
  'Q8F7-2MBS-C4XH-N6TR',
  '9PEZ-J5VG-1WKA-D3Y0',
  'H7RC-XM48-6QTN-2BFS',
  '5KJD-0YPE-V9GW-ZA31',
  'B2NX-T7CH-8SQF-4MR6',
  'W1AZ-E6D0-3PKJ-Y9VG',
  'C4QS-8FTB-N2HM-7X5R',
  'G0VY-KP93-ZJ1E-AWD6',
]

const recoveryCodes = () =>
  z.array(z.string()).meta({
    description: 'Ten codes, each good once in place of a second factor. Shown this once.',
    examples: [CODE_EXAMPLES],
  })

export const codesMade = z.object({ recovery_codes: recoveryCodes() }).meta({ id: 'RecoveryCodes' })

export const twoFactorState = z
  .object({
    enabled: z.boolean().meta({ examples: [true] }),
    recovery_codes: recoveryCodes().optional(),
  })
  .meta({ id: 'TwoFactorState' })

export const app = z
  .object({
    secret: z.string().meta({
      description: '160 bits in base32, for typing where no picture can be read.',
      examples: ['JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'],
    }),
    otpauth_url: z.string().meta({
      description: 'What the picture holds; on a phone, a link that opens the app.',
      examples: [
        'otpauth://totp/Latchkey:sara%40example.com?issuer=Latchkey&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&algorithm=SHA1&digits=6&period=30',
      ],
    }),
    qr_svg: z.string().meta({
      description: 'A QR code to be scanned by the app: one `<svg>` element without script or reference.',
      examples: ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 57 57">…</svg>'],
    }),
  })
  .meta({ id: 'AuthenticatorApp' })

// A reader needs four modules of quiet around it (ISO/IEC 18004). Whoever shows it chooses the size.
const QR = { ecc: 'L', boostEcc: true, border: 4, pixelSize: 1 } as const

export const toApp = ({ secret, otpauthUrl }: AppDetails): z.output<typeof app> => ({
  secret,
  otpauth_url: otpauthUrl,
  qr_svg: renderSVG(otpauthUrl, QR),
})

const moment = () => z.iso.datetime().meta({ examples: ['2026-11-22T09:00:00.000Z'] })

const passkey = z.object({
  id: z.uuid().meta({ examples: ['019ab0c1-7d2e-7a53-9c41-2b6f0e8d5a17'] }),
  name: z.string().meta({ examples: ['Phone'] }),
  created_at: moment(),
  last_used_at: moment().nullable(),
})

export const overview = z
  .object({
    two_factor: z.boolean().meta({ description: 'Whether a first factor alone opens nothing.' }),
    email: z.object({
      verified: z.boolean(),
      second_factor: z.boolean().meta({ description: 'Whether a code by e-mail passes the second step now.' }),
    }),
    phone: z.object({
      verified: z.boolean(),
      second_factor: z.boolean().meta({ description: 'Whether a code by SMS passes the second step now.' }),
      sign_in: z.boolean().meta({ description: 'Whether a code by SMS may begin a sign-in.' }),
    }),
    totp: z
      .object({ confirmed_at: moment() })
      .nullable()
      .meta({ description: 'The authenticator app; null while there is none or it was not confirmed.' }),
    passkeys: z.array(passkey),
    recovery_codes: z.object({
      left: z
        .int()
        .min(0)
        .meta({ examples: [10] }),
    }),
  })
  .meta({ id: 'Factors' })

export const toOverview = (factors: Overview): z.output<typeof overview> => ({
  two_factor: factors.twoFactor,
  email: { verified: factors.email.isVerified, second_factor: factors.email.isSecondFactor },
  phone: {
    verified: factors.phone.isVerified,
    second_factor: factors.phone.isSecondFactor,
    sign_in: factors.phone.signsIn,
  },
  totp: factors.totpConfirmedAt && { confirmed_at: factors.totpConfirmedAt.toISOString() },
  passkeys: factors.passkeys.map(({ id, name, createdAt, lastUsedAt }) => ({
    id,
    name,
    created_at: createdAt.toISOString(),
    last_used_at: lastUsedAt?.toISOString() ?? null,
  })),
  recovery_codes: { left: factors.recoveryCodesLeft },
})
