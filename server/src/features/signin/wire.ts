import { z } from 'zod'
import * as fields from '../../http/fields.ts'
import type { SignedIn } from './complete.ts'
import type { SecondStep } from './service.ts'

/** Said at whatever begins a sign-in. */
export const deviceValue = () =>
  fields.verbatim().optional().meta({
    description: '`new` asks for a device value; a value given earlier makes this device known.',
  })

export const VERIFIED = 'User has Verified'

export const example = 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9…'
export const token = () => z.string().meta({ examples: [example] })

const method = z.enum(['email', 'phone', 'totp', 'passkey', 'recovery_code'])

/** What a first factor gives: a session, or the two tokens of a sign-in that waits for another. */
export const signedIn = z
  .object({
    refresh: token(),
    access: token(),
    email: z.string().meta({ examples: ['sara@example.com'] }),
    device: z.string().optional(),
    second_factor: z
      .object({ required: z.literal(true), methods: z.array(method) })
      .optional()
      .meta({
        description:
          'There while one of these methods is still to be proven; until then both tokens are good for that step alone.',
      }),
  })
  .meta({ id: 'SignedIn' })

export function toSignedIn(outcome: SignedIn | SecondStep): z.output<typeof signedIn> {
  const { tokens, user } = outcome
  const answer = { ...tokens, email: user.email }
  if (outcome.kind === 'second_step') {
    return { ...answer, second_factor: { required: true, methods: [...outcome.methods] } }
  }
  return { ...answer, ...(outcome.device !== undefined && { device: outcome.device }) }
}

/** What the step that succeeds gives: the session. `status` is the text the origin gives to a right code. */
export const stepPassed = z
  .object({ status: z.literal(VERIFIED), access: token(), refresh: token(), device: z.string().optional() })
  .meta({ id: 'SecondStepPassed' })

/** The same, or without a session where there is one already. */
export const codeVerified = stepPassed.partial({ access: true, refresh: true }).meta({
  id: 'CodeVerified',
  description: 'With the tokens of a new session where the code was the second step of a sign-in.',
})

export const toStepPassed = ({ tokens, device }: SignedIn): z.output<typeof stepPassed> => ({
  status: VERIFIED,
  access: tokens.access,
  refresh: tokens.refresh,
  ...(device !== undefined && { device }),
})
