import { z } from 'zod'
import * as fields from '../../http/fields.ts'
import type { TextId } from '../../kernel/texts.ts'

/**
 * The JSON of WebAuthn Level 3 §5.1, §5.1.8 and §5.1.9: what browsers make by `toJSON()` and read by `parse…FromJSON()`. Its
 * `type` has one value alone and is not read: a fault of it would take the place of the problem's own `type` (RFC 9457 §3.1.1).
 */

const NOT_BASE64URL: TextId = 'fault.not_base64url'
const wrongKind = { error: fields.unless('fault.not_a_credential') }

const base64url = (examples: string[]) =>
  fields
    .verbatim()
    .regex(/^[\w-]*$/, NOT_BASE64URL)
    .meta({ examples })

const EXAMPLE_ID = 'XmG0pdZyMZVXBn0TBJIkGw'

const credentialId = () => base64url([EXAMPLE_ID])

const transport = () => fields.verbatim().meta({ examples: ['internal'] })

const common = {
  id: credentialId(),
  rawId: credentialId(),
}

const clientData = { clientDataJSON: base64url(['eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0']) }

/** A new credential, as `credential.toJSON()` gives it; members not named here are ignored. */
export const newCredential = z.object({
  ...common,
  response: z.object(
    {
      ...clientData,
      attestationObject: base64url(['o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YQ']),
      transports: z.array(transport(), wrongKind).optional(),
    },
    wrongKind,
  ),
})

/** What a passkey signed, as `credential.toJSON()` gives it; members not named here are ignored. */
export const assertion = z.object({
  ...common,
  response: z.object(
    {
      ...clientData,
      authenticatorData: base64url(['SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAQ']),
      signature: base64url(['MEUCIQDxHq2yqXGg0v5Yh3vQzX1bQ']),
      userHandle: base64url(['0b1sV6p3x7Q0m0k0u1B7xg']).nullish(),
    },
    wrongKind,
  ),
})

export type NewCredentialJson = z.output<typeof newCredential>
export type AssertionJson = z.output<typeof assertion>

const shown = (example: string) => z.string().meta({ examples: [example] })

const descriptor = z.object({
  id: shown(EXAMPLE_ID),
  type: z.literal('public-key'),
  transports: z
    .array(z.string())
    .optional()
    .meta({ examples: [['internal', 'hybrid']] }),
})

const challenge = () =>
  shown('qk0hR1p3m9cT2vXy').meta({ description: 'In base64url; good once, and for five minutes.' })
const timeout = () => z.int().meta({ description: 'Milliseconds.', examples: [300_000] })
const verification = () => z.enum(['required', 'preferred', 'discouraged'])

/** For `PublicKeyCredential.parseCreationOptionsFromJSON()`. */
export const creationOptions = z
  .object({
    rp: z.object({ id: shown('auth.example.com'), name: shown('Example Shop') }),
    user: z.object({
      id: shown('0b1sV6p3x7Q0m0k0u1B7xg'),
      name: shown('sara@example.com'),
      displayName: shown('Sara Karimi'),
    }),
    challenge: challenge(),
    pubKeyCredParams: z.array(z.object({ alg: z.int().meta({ examples: [-7] }), type: z.literal('public-key') })),
    timeout: timeout(),
    excludeCredentials: z.array(descriptor),
    authenticatorSelection: z.object({
      residentKey: z.literal('required'),
      requireResidentKey: z.literal(true),
      userVerification: verification(),
    }),
    attestation: z.literal('none'),
  })
  .meta({ id: 'PasskeyCreationOptions' })

/** For `PublicKeyCredential.parseRequestOptionsFromJSON()`. */
export const requestOptions = z
  .object({
    rpId: shown('auth.example.com'),
    challenge: challenge(),
    timeout: timeout(),
    allowCredentials: z.array(descriptor).optional(),
    userVerification: verification(),
  })
  .meta({ id: 'PasskeyRequestOptions' })

export type CreationOptions = z.output<typeof creationOptions>
export type RequestOptions = z.output<typeof requestOptions>
