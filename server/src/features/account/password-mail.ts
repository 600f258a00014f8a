import { type Database, NOBODY } from '../../database/schema.ts'
import { networkOf } from '../../http/client-address.ts'
import type { Act } from '../../kernel/act.ts'
import { type Email, type EmailKey, emailKey, mailboxKey, parseEmail } from '../../kernel/address.ts'
import { after, before, days, type Duration } from '../../kernel/duration.ts'
import type { Language } from '../../kernel/language.ts'
import { recognise } from '../attempts/service.ts'
import { type Audit, type AuditEvent, maskedAddress } from '../audit/service.ts'
import type { Remember } from '../idempotency/service.ts'
import type { NotifyDeps } from '../messages/service.ts'
import type { DestinationLimits } from '../otp/service.ts'
import { hasSessionFrom } from '../sessions/service.ts'
import { findByEmail, lockUser, type User } from '../users/service.ts'
import { makeToken, subjectOf, takeTurn, type TokenDeps, wasMailedSince } from './password-tokens.ts'

export interface PasswordMailDeps extends TokenDeps, NotifyDeps {
  readonly audit: Audit
  readonly resetLifetime: Duration
  /** What links in messages begin with: never from a request. */
  readonly ownUrl: () => string
}

export interface ResetRequestDeps extends PasswordMailDeps {
  readonly db: Database
  readonly destinations: DestinationLimits
  /** The pause between two mails to one address. */
  readonly resendAfter: Duration
}

// Whoever is invited may be on holiday; whoever asks for a reset has the mail open.
const INVITATION_LIFETIME = days(7)

export interface ResetAsked {
  readonly email: Email
  /** For whoever has chosen none. */
  readonly language: Language
  /** A value given at a sign-in. */
  readonly device?: string | undefined
  readonly remember: Remember<void>
}

/** What truly came of it: for the log of a developer, never for an answer. */
export type ResetOutcome = 'mailed' | 'mailed_just_now' | 'destination_full' | 'no_account' | 'deactivated'

/**
 * Mails a code and a link to whoever asks for a new password: nothing where there is no such account, where it is
 * deactivated, or where the address has just been mailed or has had its share. All of these look, and cost, the same.
 */
export async function requestReset(
  deps: ResetRequestDeps,
  { email, language, device, remember }: ResetAsked,
  act: Act,
  now: Date,
): Promise<ResetOutcome> {
  const { db, secret } = deps
  const subject = subjectOf(secret, emailKey(email))
  const pauseSince = before(now, deps.resendAfter)
  if (await wasMailedSince(db, subject, pauseSince)) {
    await remember(db)
    return 'mailed_just_now'
  }
  const isOwner = (await isKnownDeviceOf(deps, email, device)) || (await isFromKnownNetwork(db, email, act))
  const outcome = await db.transaction().execute(async (db): Promise<ResetOutcome> => {
    await remember(db)
    // Held, so that an account that is deleted at this moment is either gone by now or goes after the mail is written.
    const found = await lockUser(db, (await findByEmail(db, email))?.id ?? NOBODY)
    const heldBack = await whyNotMail(db, deps, { email, subject, pauseSince, isOwner }, now)
    if (heldBack) return heldBack
    const user = found?.deactivatedAt === null ? found : undefined
    await mail(db, deps, { purpose: 'reset', user, to: user?.email ?? email, language }, now)
    await deps.audit.record(db, act, asked('password_reset_requested', found?.id ?? null, email), now)
    return user ? 'mailed' : found ? 'deactivated' : 'no_account'
  })
  deps.messages.wake()
  return outcome
}

interface Mailing {
  readonly email: Email
  readonly subject: string
  readonly pauseSince: Date
  readonly isOwner: boolean
}

/** Counts the mail against its address and takes the turn to send it; undefined when it may go. */
async function whyNotMail(
  db: Database,
  { destinations }: ResetRequestDeps,
  { email, subject, pauseSince, isOwner }: Mailing,
  now: Date,
): Promise<'mailed_just_now' | 'destination_full' | undefined> {
  // Asked again, so that of requests racing for one mail one counts against the address.
  if (await wasMailedSince(db, subject, pauseSince)) return 'mailed_just_now'
  // Before the turn is taken: strangers who have used up their share set off no pause of the owner's.
  if ((await destinations.take(db, mailboxKey(email), isOwner, now)) !== undefined) return 'destination_full'
  return (await takeTurn(db, subject, pauseSince, now)) ? undefined : 'mailed_just_now'
}

/** Whether a value is that of a device that has signed in to the account with this address, if there is one. */
export async function isKnownDeviceOf(
  { db, ...deps }: Pick<ResetRequestDeps, 'db' | 'secret'>,
  email: Email,
  device: string | undefined,
): Promise<boolean> {
  if (device === undefined) return false
  const user = await findByEmail(db, email)
  return (await recognise(db, deps, user?.id, device)) !== undefined
}

/** The account that a body names beside the value of a known device of its own: never of a network, which tells of its owner. */
export async function knownDeviceIn(
  deps: Pick<ResetRequestDeps, 'db' | 'secret'>,
  body: unknown,
): Promise<EmailKey | undefined> {
  const { email: typed, device } = (body ?? {}) as { readonly email?: unknown; readonly device?: unknown }
  const email = typeof typed === 'string' ? parseEmail(typed) : undefined
  if (!email || typeof device !== 'string') return undefined
  return (await isKnownDeviceOf(deps, email, device)) ? emailKey(email) : undefined
}

/** Whether its owner is likely to be the one who asks: strangers' asking then uses up no mail of his. */
async function isFromKnownNetwork(db: Database, email: Email, { ip }: Act): Promise<boolean> {
  const user = await findByEmail(db, email)
  return hasSessionFrom(db, user?.id ?? NOBODY, networkOf(ip ?? ''))
}

/** Mails a code and a link to set a new password, for an operator. Takes a transaction; wake the messages after it. */
export async function sendReset(db: Database, deps: PasswordMailDeps, user: User, act: Act, now: Date): Promise<void> {
  await mail(db, deps, { purpose: 'reset', user, to: user.email, language: deps.defaultLanguage }, now)
  await deps.audit.record(db, act, asked('password_reset_requested', user.id, user.email), now)
}

/**
 * Mails a code and a link, good for seven days, by which a new user sets his first password and proves his address. Puts
 * `invited` on record. Takes a transaction; wake the messages after it.
 */
export async function sendInvitation(
  db: Database,
  deps: PasswordMailDeps,
  user: User,
  act: Act,
  now: Date,
): Promise<void> {
  await mail(db, deps, { purpose: 'invitation', user, to: user.email, language: deps.defaultLanguage }, now)
  await deps.audit.record(db, act, asked('invited', user.id, user.email), now)
}

interface Addressee {
  readonly purpose: 'reset' | 'invitation'
  readonly user: User | undefined
  readonly to: string
  /** For whoever has chosen none. */
  readonly language: Language
}

const KINDS = { reset: 'password_reset', invitation: 'invitation' } as const

async function mail(
  db: Database,
  deps: PasswordMailDeps,
  { purpose, user, to, language }: Addressee,
  now: Date,
): Promise<void> {
  const userId = user?.id ?? null
  const subject = subjectOf(deps.secret, user?.emailKey ?? emailKey(to as Email))
  const expiresAt = after(now, purpose === 'reset' ? deps.resetLifetime : INVITATION_LIFETIME)
  const { code, link } = await makeToken(db, deps, { userId, purpose, subject, expiresAt }, now)
  const message = {
    kind: KINDS[purpose],
    channel: 'email',
    to,
    userId,
    language: user?.language ?? language,
    code,
    // Behind the fragment's mark, so that no server's log, no proxy and no Referer ever holds it (RFC 9110 §4.2.5).
    link: `${deps.ownUrl()}/password/reset/#${link}`,
    expiresAt,
  } as const
  await deps.messages.enqueue(db, message, now)
}

const asked = (type: 'password_reset_requested' | 'invited', userId: number | null, email: string): AuditEvent => ({
  type,
  userId,
  details: { address: maskedAddress(email) },
})
