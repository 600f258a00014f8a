import type { Database } from '../../database/schema.ts'
import { type Act, actOf } from '../../kernel/act.ts'
import { uuidv7 } from '../../kernel/random.ts'
import { keyedHash } from '../../kernel/secret.ts'
import { deviceName } from '../audit/service.ts'
import { notify } from '../messages/service.ts'
import { findSession } from '../sessions/service.ts'
import { findById, lockUser, type User } from '../users/service.ts'
import { descriptorOf } from './assertion.ts'
import { type Ask, CHALLENGE_LIFETIME, challengeEnd, makeChallenge, takeChallenge } from './challenges.ts'
import type { PasskeyDeps } from './deps.ts'
import * as store from './store.ts'
import {
  ALGORITHMS,
  type CredentialFacts,
  type Refused,
  refused,
  type Verified,
  verifyNewCredential,
} from './webauthn.ts'
import type { CreationOptions, NewCredentialJson } from './wire.ts'

// Far more than one person's devices, and few enough that their list fits where browsers send it.
const MAX_PASSKEYS = 20

/** Who registers, in which session. */
interface Registrant {
  readonly userId: number
  readonly sessionId: string
}

export type No =
  | { readonly kind: 'gone' }
  /** Or else whoever registered with a stranger's address would keep a way in (SECURITY.md, pre-hijack). */
  | { readonly kind: 'email_not_verified' }
  | { readonly kind: 'too_many' }
  | { readonly kind: 'in_use' }
  | Refused

/** What `navigator.credentials.create()` is to be given. Stores nothing. */
export async function registrationOptions(
  db: Database,
  deps: PasskeyDeps,
  registrant: Registrant,
  now: Date,
): Promise<{ readonly kind: 'options'; readonly options: CreationOptions } | No> {
  const user = await findById(db, registrant.userId)
  if (!user) return { kind: 'gone' }
  if (user.emailVerifiedAt === null) return { kind: 'email_not_verified' }
  const passkeys = await store.listOf(db, user.id)
  if (passkeys.length >= MAX_PASSKEYS) return { kind: 'too_many' }
  const { id, name } = deps.relyingParty()
  const userHandle = userHandleOf(deps, user.id, passkeys)
  const options: CreationOptions = {
    rp: { id, name },
    user: { id: toBase64url(userHandle), name: user.email, displayName: displayNameOf(user) },
    challenge: toBase64url(makeChallenge(deps, askOf(registrant, userHandle), now)),
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ alg, type: 'public-key' })),
    timeout: CHALLENGE_LIFETIME,
    excludeCredentials: passkeys.map(descriptorOf),
    authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
    attestation: 'none',
  }
  return { kind: 'options', options }
}

const toBase64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

const displayNameOf = ({ firstName, lastName, email }: User): string => `${firstName} ${lastName}`.trim() || email

/**
 * One for all passkeys of a user, so that an authenticator puts a new one in the place of its old one. Made from the id by a
 * key, so that it says nothing; a user whose passkeys are older than a change of that key keeps theirs.
 */
const userHandleOf = ({ secret }: PasskeyDeps, userId: number, [first]: readonly store.Passkey[]): Uint8Array =>
  first?.userHandle ?? keyedHash(secret.key('passkey-user'), String(userId))

/** Bound to the handle too: the authenticator was told that one and will say it at every sign-in. */
const askOf = ({ userId, sessionId }: Registrant, userHandle: Uint8Array): Ask => ({
  purpose: 'registration',
  userId,
  asker: `${sessionId} ${toBase64url(userHandle)}`,
})

/** What a browser gave for a new passkey, and what its owner calls it. */
export interface Offered {
  readonly response: NewCredentialJson
  /** Not given: the device. */
  readonly name?: string | undefined
}

/** Keeps a new passkey, puts it on record and tells its user; wakes the messages. A credential has one owner, for good. */
export async function registerPasskey(
  db: Database,
  deps: PasskeyDeps,
  registrant: Registrant,
  offered: Offered,
  act: Act,
  now: Date,
): Promise<{ readonly kind: 'added'; readonly passkey: store.Passkey } | No> {
  const checked = await check(db, deps, registrant, offered.response, now)
  if (checked.kind === 'refused') return checked
  const transports = transportsOf(offered.response)
  const credential = { ...checked, transports, name: offered.name ?? (deviceName(act.userAgent) || 'Passkey') }
  const outcome = await db.transaction().execute((db) => add(db, deps, registrant, credential, act, now))
  deps.messages.wake()
  return outcome
}

interface CheckedCredential extends CredentialFacts {
  readonly userHandle: Uint8Array
  readonly challenge: string
  readonly challengeEndsAt: Date
}

async function check(
  db: Database,
  deps: PasskeyDeps,
  registrant: Registrant,
  response: NewCredentialJson,
  now: Date,
): Promise<Verified<CheckedCredential>> {
  const userHandle = userHandleOf(deps, registrant.userId, await store.listOf(db, registrant.userId))
  let challenge: { readonly challenge: string; readonly challengeEndsAt: Date } | undefined
  const verified = await verifyNewCredential(deps.relyingParty(), response, (given) => {
    const challengeEndsAt = challengeEnd(deps, askOf(registrant, userHandle), given, now)
    if (challengeEndsAt) challenge = { challenge: given as string, challengeEndsAt }
    return challengeEndsAt !== undefined
  })
  return verified.kind === 'refused' ? verified : { ...verified, ...challenge!, userHandle }
}

/** By their form alone, since authenticators may learn new ways (WebAuthn Level 3 §5.8.4). */
const transportsOf = ({ response: { transports = [] } }: NewCredentialJson): string =>
  transports
    .filter((transport) => /^[a-z][a-z-]{1,20}$/.test(transport))
    .slice(0, 10)
    .join(' ')

async function add(
  db: Database,
  deps: PasskeyDeps,
  { userId, sessionId }: Registrant,
  {
    kind: _,
    challenge,
    challengeEndsAt,
    ...credential
  }: CheckedCredential & {
    readonly kind: 'verified'
    readonly transports: string
    readonly name: string
  },
  act: Act,
  now: Date,
): Promise<{ readonly kind: 'added'; readonly passkey: store.Passkey } | No> {
  // Asked again: a reset or an undo that drops factors at this moment ends the session, and must not miss this one.
  const user = await lockUser(db, userId)
  const session = await findSession(db, sessionId)
  if (!user || !session || session.endedAt) return { kind: 'gone' }
  if (user.emailVerifiedAt === null) return { kind: 'email_not_verified' }
  if (!(await takeChallenge(db, challenge, challengeEndsAt))) return refused('challenge used before')
  if ((await store.listOf(db, userId)).length >= MAX_PASSKEYS) return { kind: 'too_many' }
  const passkey = await store.insert(db, { ...credential, id: uuidv7(deps.random, now), userId, createdAt: now })
  if (!passkey) return { kind: 'in_use' }
  const details = { passkey: passkey.id, name: passkey.name }
  await deps.audit.record(db, actOf(act, userId), { type: 'passkey_added', userId, details }, now)
  await notify(db, deps, user, { kind: 'passkey_added', facts: { name: passkey.name } }, now)
  return { kind: 'added', passkey }
}
