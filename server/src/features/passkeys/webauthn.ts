import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import type { Passkey } from './store.ts'
import type { RelyingParty } from './relying-party.ts'
import type { AssertionJson, NewCredentialJson } from './wire.ts'

/** ES256, EdDSA, RS256 (IANA COSE Algorithms): what every authenticator has one of, the smallest signatures first. */
export const ALGORITHMS = [-7, -8, -257]

// What a credential says of itself and nothing depends on.
const IGNORED = { type: 'public-key', clientExtensionResults: {} } as const

// Not before somebody uses a passkey: it takes a tenth of a second to load, which a start without any need not wait for.
const load = () => import('@simplewebauthn/server')
const loadHelpers = () => import('@simplewebauthn/server/helpers')

/** What a proof of WebAuthn came to; `reason` is for logs alone. */
export type Verified<Facts> = ({ readonly kind: 'verified' } & Facts) | Refused

export interface Refused {
  readonly kind: 'refused'
  readonly reason: string
}

export const refused = (reason: string): Refused => ({ kind: 'refused', reason })

/** The library throws for whatever it does not like; what it says repeats what it was given. */
const refusedBy = (error: unknown): Refused => refused(String(error).slice(0, 200))

export interface CredentialFacts {
  readonly credentialId: string
  readonly publicKey: Uint8Array
  readonly signCount: number
  readonly isBackupEligible: boolean
  readonly isBackedUp: boolean
}

/**
 * Verifies a new credential (WebAuthn Level 3 §7.1), its user verified. Says nothing of the challenge but that the client
 * signed it: whether it is ours, `isOurs` tells.
 */
export async function verifyNewCredential(
  { id: expectedRPID, origins }: RelyingParty,
  response: NewCredentialJson,
  isOurs: (challenge: unknown) => boolean,
): Promise<Verified<CredentialFacts>> {
  const { verifyRegistrationResponse } = await load()
  try {
    if (await isFramed(response.response.clientDataJSON)) return refused('made within a page of another origin')
    if (await isAttested(response.response.attestationObject)) return refused('attested, which nobody asked for')
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: { ...response, ...IGNORED } as RegistrationResponseJSON,
      expectedChallenge: isOurs,
      expectedOrigin: [...origins],
      expectedRPID,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    })
    if (!verified) return refused('attestation not verified')
    const { credential, credentialDeviceType, credentialBackedUp: isBackedUp } = registrationInfo
    if (credential.id !== response.id) return refused('another credential than it is called')
    const { publicKey, counter: signCount } = credential
    const isBackupEligible = credentialDeviceType === 'multiDevice'
    return { kind: 'verified', credentialId: credential.id, publicKey, signCount, isBackupEligible, isBackedUp }
  } catch (error) {
    return refusedBy(error)
  }
}

export interface AssertionFacts {
  readonly userVerified: boolean
  readonly signCount: number
  readonly isBackedUp: boolean
}

/**
 * Verifies what a passkey signed (WebAuthn Level 3 §7.2): present user, our page, our host, its key. Of its counter, its
 * owner and the challenge others decide, the last by `isOurs`.
 */
export async function verifyAssertion(
  { id: expectedRPID, origins }: RelyingParty,
  { passkey, response }: { readonly passkey: Passkey; readonly response: AssertionJson },
  requireUserVerification: boolean,
  isOurs: (challenge: unknown) => boolean,
): Promise<Verified<AssertionFacts>> {
  const { verifyAuthenticationResponse } = await load()
  try {
    if (await isFramed(response.response.clientDataJSON)) return refused('made within a page of another origin')
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: { ...response, ...IGNORED } as AuthenticationResponseJSON,
      expectedChallenge: isOurs,
      expectedOrigin: [...origins],
      expectedRPID,
      requireUserVerification,
      // The counter is compared where it is written, in one statement: `store.recordUse`.
      credential: { id: passkey.credentialId, publicKey: Uint8Array.from(passkey.publicKey), counter: 0 },
    })
    if (!verified) return refused('signature not verified')
    const { credentialDeviceType, credentialBackedUp: isBackedUp, newCounter, userVerified } = authenticationInfo
    // Fixed when the passkey is made (§6.1.3).
    if ((credentialDeviceType === 'multiDevice') !== passkey.isBackupEligible)
      return refused('backup eligibility changed')
    return { kind: 'verified', userVerified, signCount: newCounter, isBackedUp }
  } catch (error) {
    return refusedBy(error)
  }
}

/** A frame in someone else's page can be overlaid, so that the user confirms something else than he sees (§13.4.2). */
async function isFramed(clientDataJson: string): Promise<boolean> {
  const { decodeClientDataJSON } = await loadHelpers()
  const { crossOrigin, topOrigin } = decodeClientDataJSON(clientDataJson)
  return crossOrigin === true || topOrigin !== undefined
}

/**
 * Attestation is never asked for, and certificates that come all the same would be followed to whatever address they name
 * for revocations: an address a stranger chose. What signs for itself names none.
 */
async function isAttested(attestationObject: string): Promise<boolean> {
  const { decodeAttestationObject } = await loadHelpers()
  const decoded = decodeAttestationObject(new Uint8Array(Buffer.from(attestationObject, 'base64url')))
  const format = decoded.get('fmt')
  return format !== 'none' && !(format === 'packed' && decoded.get('attStmt').get('x5c') === undefined)
}
