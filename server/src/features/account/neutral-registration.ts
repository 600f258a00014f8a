import { networkOf } from '../../http/client-address.ts'
import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import { type Email, emailKey, mailboxKey } from '../../kernel/address.ts'
import { after, before, hours, secondsUntil } from '../../kernel/duration.ts'
import type { Language } from '../../kernel/language.ts'
import { uuidv7, uuidv8 } from '../../kernel/random.ts'
import { equalInConstantTime, keyedHash, type Secret } from '../../kernel/secret.ts'
import { maskedAddress } from '../audit/service.ts'
import type { Remember } from '../idempotency/service.ts'
import { type CodeDeps, type Cooldown, type DestinationLimits, drawCode } from '../otp/service.ts'
import { create, emailColumns, type Standing, standingOf, type User } from '../users/service.ts'
import * as store from './pending-registrations.ts'
import type { Newcomer, RegistrationDeps } from './registration.ts'
import { takenNotice } from './taken-notice.ts'

export interface NeutralRegistrationDeps extends RegistrationDeps {
  readonly codes: CodeDeps
  readonly destinations: DestinationLimits
  readonly defaultLanguage: Language
}

/** Who asks to register, from where, and until when he listens. */
export interface Asking {
  readonly act: Act
  readonly language: Language
  readonly signal?: AbortSignal
  readonly remember: Remember<void>
}

/** What truly came of it: for the log of a developer, never for an answer. */
export type Outcome = 'code_sent' | 'address_taken' | 'destination_full'

export type Asked = { readonly kind: 'asked'; readonly outcome: Outcome } | Cooldown

/**
 * Begins a registration: mails a code to a free address, and to the owner of a taken one that he has an account. Whichever it is:
 * the same answer after the same work, the password's hash included, and a row, perhaps one for which no code is right. The
 * cooldown counts by address and network, so that a stranger elsewhere does not hold the owner up.
 */
export async function askToRegister(
  deps: NeutralRegistrationDeps,
  newcomer: Newcomer,
  { act, language, signal, remember }: Asking,
  now: Date,
): Promise<Asked> {
  const { db, codes, destinations, mailboxes, passwords } = deps
  const binding = bindingOf(codes.secret, newcomer.email, act)
  const wait = await cooldownOf(db, codes, binding, now)
  if (wait) return wait
  const passwordHash = await passwords.hash(newcomer.password, signal)
  const asked = await db.transaction().execute(async (db): Promise<Asked> => {
    const isFull = (await destinations.take(db, mailboxKey(newcomer.email), false, now)) !== undefined
    const standing = await standingOf(db, emailColumns(mailboxes, newcomer.email), now)
    const outcome = isFull ? 'destination_full' : standing.isTaken ? 'address_taken' : 'code_sent'
    const code = await put(db, codes, { ...binding, ...columnsOf(newcomer), passwordHash }, outcome, now)
    if (code === undefined) return (await cooldownOf(db, codes, binding, now)) ?? cooldown(codes, now, now)
    await mail(db, deps, { email: newcomer.email, standing, outcome, code, language }, act, now)
    await recordAsking(db, deps, { email: newcomer.email, standing, outcome }, act, now)
    await remember(db)
    return { kind: 'asked', outcome }
  })
  codes.messages.wake()
  return asked
}

/** Stands for an address and a network in place of a session, and tells neither. */
const bindingOf = (secret: Secret, email: Email, { ip }: Act): store.Binding => {
  const key = emailKey(email)
  const network = networkOf(ip ?? '')
  return { emailKey: key, asker: uuidv8(keyedHash(secret.key('anonymous-asker'), 'registration', key, network)) }
}

async function cooldownOf(
  db: Database,
  codes: CodeDeps,
  binding: store.Binding,
  now: Date,
): Promise<Cooldown | undefined> {
  const last = await store.askedAt(db, binding)
  return last && last > before(now, codes.rules.resendAfter) ? cooldown(codes, last, now) : undefined
}

const cooldown = ({ rules }: CodeDeps, last: Date, now: Date): Cooldown => ({
  kind: 'cooldown',
  retryAfterSeconds: secondsUntil(now, after(last, rules.resendAfter)),
})

const columnsOf = ({ email, first_name: firstName, last_name: lastName }: Newcomer) => ({ email, firstName, lastName })

type Waiting = Pick<
  store.PendingRegistration,
  'emailKey' | 'asker' | 'email' | 'passwordHash' | 'firstName' | 'lastName'
>

/** Keeps the registration and gives the code that completes it; undefined when another request was first. */
async function put(
  db: Database,
  { random, rules, secret }: CodeDeps,
  waiting: Waiting,
  outcome: Outcome,
  now: Date,
): Promise<string | undefined> {
  const id = uuidv7(random, now)
  const code = drawCode(random)
  const right = hashOf(secret, { id, emailKey: waiting.emailKey }, code)
  const codeHash = outcome === 'code_sent' ? right : random.bytes(right.length)
  const row = { id, ...waiting, codeHash, createdAt: now, expiresAt: after(now, rules.lifetime) }
  return (await store.replace(db, row, before(now, rules.resendAfter))) ? code : undefined
}

const hashOf = (secret: Secret, { id, emailKey }: { id: string; emailKey: string }, code: string): Uint8Array =>
  keyedHash(secret.key('one-time-code'), id, 'registration', emailKey, code)

interface Letter {
  readonly email: Email
  readonly standing: Standing
  readonly outcome: Outcome
  readonly code: string
  readonly language: Language
}

async function mail(
  db: Database,
  { codes: { messages, rules } }: NeutralRegistrationDeps,
  { email, standing, outcome, code, language }: Letter,
  act: Act,
  now: Date,
): Promise<void> {
  if (outcome === 'address_taken') {
    const unsent = { to: email, language, ip: act.ip ?? '' }
    return messages.enqueue(db, takenNotice('registration_taken', standing, unsent), now)
  }
  const userId = outcome === 'destination_full' ? null : 'anyone'
  const expiresAt = after(now, rules.lifetime)
  const envelope = { channel: 'email', to: email, language, userId } as const
  return messages.enqueue(db, { kind: 'registration_code', ...envelope, code, expiresAt }, now)
}

const recordAsking = (
  db: Database,
  { audit }: NeutralRegistrationDeps,
  { email, standing: { holder }, outcome }: Pick<Letter, 'email' | 'standing' | 'outcome'>,
  act: Act,
  now: Date,
): Promise<void> =>
  audit.record(
    db,
    act,
    {
      type: 'registration_requested',
      result: outcome === 'code_sent' ? 'success' : 'failure',
      userId: holder?.id ?? null,
      details: { address: maskedAddress(email), outcome },
    },
    now,
  )

export type Confirmed =
  | { readonly kind: 'registered'; readonly user: User }
  /** Wrong, unknown, expired, used up, or the address was taken meanwhile: one answer. */
  | { readonly kind: 'refused'; readonly reason: Reason }

/** For the log of a developer, never for an answer. */
type Reason = 'wrong_code' | 'contested' | 'email_taken'

// A code is typed within minutes of asking; who asked earlier in the day tells nothing of who asks now.
const CONTESTED_FOR = hours(1)

/**
 * Makes the account whose code is proven, its e-mail verified at once; the registration whose code it is says by which password.
 * From another network than asked for it a code is good only while nobody else asks for the address: whoever reads two mails
 * cannot tell which is his own. All in one transaction, a wrong code's cost included.
 */
export async function confirmRegistration(
  deps: NeutralRegistrationDeps,
  { email, code }: { readonly email: Email; readonly code: string },
  act: Act,
  now: Date,
): Promise<Confirmed> {
  const { db, codes } = deps
  const binding = bindingOf(codes.secret, email, act)
  const confirmed = await db.transaction().execute(async (db): Promise<Confirmed> => {
    // Before comparing, so that two requests racing for the last try cannot both have it.
    const open = await store.takeTries(db, binding, now, codes.rules.maxTries)
    const right = open.find((each) => equalInConstantTime(each.codeHash, hashOf(codes.secret, each, code)))
    if (!right) return refuse(db, deps, 'wrong_code', act, now)
    const isAtHome = right.asker === binding.asker
    if (!isAtHome && (await store.isContested(db, right, before(now, CONTESTED_FOR))))
      return refuse(db, deps, 'contested', act, now)
    if (!(await store.consume(db, right.id, now))) return refuse(db, deps, 'wrong_code', act, now)
    return make(db, deps, right, act, now)
  })
  codes.messages.wake()
  return confirmed
}

async function make(
  db: Database,
  deps: NeutralRegistrationDeps,
  { email: typed, emailKey: key, passwordHash, firstName, lastName }: store.PendingRegistration,
  act: Act,
  now: Date,
): Promise<Confirmed> {
  const email = typed as Email
  const columns = emailColumns(deps.mailboxes, email)
  const proven = { emailVerifiedAt: now, emailFirstProvenAt: now }
  const user = await create(db, { ...columns, ...proven, passwordHash, firstName, lastName }, now)
  if (!user) return tellTaken(db, deps, email, act, now)
  await store.endAll(db, key, now)
  const details = { address: maskedAddress(email) }
  await deps.audit.record(db, act, { type: 'registered', userId: user.id, details }, now)
  await deps.audit.record(db, act, { type: 'email_verified', userId: user.id, details }, now)
  return { kind: 'registered', user }
}

/** Taken since the code was sent. Whoever proved it reads the address: by mail he may learn what an answer must not tell. */
async function tellTaken(
  db: Database,
  deps: NeutralRegistrationDeps,
  email: Email,
  act: Act,
  now: Date,
): Promise<Confirmed> {
  const standing = await standingOf(db, emailColumns(deps.mailboxes, email), now)
  const { defaultLanguage: language } = deps
  await mail(db, deps, { email, standing, outcome: 'address_taken', code: '', language }, act, now)
  return refuse(db, deps, 'email_taken', act, now)
}

async function refuse(
  db: Database,
  { audit }: NeutralRegistrationDeps,
  reason: Reason,
  act: Act,
  now: Date,
): Promise<Confirmed> {
  await audit.record(db, act, { type: 'registered', result: 'failure', userId: null, details: { reason } }, now)
  return { kind: 'refused', reason }
}
