import type { Database } from '../../database/schema.ts'
import type { Phone } from '../../kernel/address.ts'
import { after, before, type Duration, secondsUntil } from '../../kernel/duration.ts'
import type { Language } from '../../kernel/language.ts'
import { type Random, uuidv7 } from '../../kernel/random.ts'
import { equalInConstantTime, keyedHash, type Secret } from '../../kernel/secret.ts'
import type { Message, Messages } from '../messages/service.ts'
import * as store from './store.ts'

export { createDestinationLimits, type DestinationLimits } from './destinations.ts'
export type { Challenge, Channel } from './store.ts'
export { forgetFailures, hasOpen, removeExpired, removeForChannel, voidAll } from './store.ts'

export interface CodeRules {
  readonly lifetime: Duration
  readonly resendAfter: Duration
  readonly maxTries: number
  /** Wrong codes in a row, across resends, that lock a channel for a purpose; undefined: never. */
  readonly lockAfter: number | undefined
}

export interface CodeDeps {
  readonly secret: Secret
  readonly random: Random
  readonly messages: Messages
  readonly rules: CodeRules
}

/** Everything a code is good for, and for nothing else. */
export interface Binding {
  readonly userId: number
  /** The session that asks. */
  readonly asker: string
  readonly channel: store.Channel
  /** The e-mail key or E.164 number. */
  readonly address: string
  readonly purpose: store.Purpose
}

export type Issue =
  | { readonly kind: 'sent' }
  | { readonly kind: 'cooldown'; readonly retryAfterSeconds: number }
  | { readonly kind: 'locked' }

/** Why no code of this binding may be sent now, or undefined. Changes nothing; `issue` decides again, for good. */
export async function whyNotIssue(
  db: Database,
  { rules }: CodeDeps,
  binding: Binding,
  now: Date,
): Promise<Issue | undefined> {
  if (await isLocked(db, rules, binding)) return { kind: 'locked' }
  const last = await store.sentAt(db, binding)
  return last && last > before(now, rules.resendAfter) ? cooldown(rules, last, now) : undefined
}

const cooldown = (rules: CodeRules, last: Date, now: Date): Issue => ({
  kind: 'cooldown',
  retryAfterSeconds: secondsUntil(now, after(last, rules.resendAfter)),
})

async function isLocked(
  db: Database,
  { lockAfter }: CodeRules,
  { userId, channel, purpose }: Pick<Binding, 'userId' | 'channel' | 'purpose'>,
): Promise<boolean> {
  return lockAfter !== undefined && (await store.failures(db, userId, channel, purpose)) >= lockAfter
}

const FIRST_CODE = 100_000
const LAST_CODE = 999_999

/**
 * Makes a code, ends the one before of the same binding and stores the message that carries it to `to`, all in the
 * caller's transaction: the code is valid if and only if it will be sent. Wake the messages after the commit.
 */
export async function issue(
  db: Database,
  deps: CodeDeps,
  binding: Binding,
  { to, language }: { to: string; language: Language },
  now: Date,
): Promise<Issue> {
  const { rules, random, secret, messages } = deps
  if (await isLocked(db, rules, binding)) return { kind: 'locked' }
  const id = uuidv7(random, now)
  const code = String(random.integer(FIRST_CODE, LAST_CODE))
  const expiresAt = after(now, rules.lifetime)
  const challenge = { id, ...binding, codeHash: hashOf(secret, id, binding, code), createdAt: now, expiresAt }
  if (!(await store.replace(db, challenge, before(now, rules.resendAfter)))) {
    return cooldown(rules, (await store.sentAt(db, binding)) ?? now, now)
  }
  await messages.enqueue(db, messageOf(binding, { to, language, code, expiresAt }), now)
  return { kind: 'sent' }
}

const hashOf = (secret: Secret, id: string, binding: Binding, code: string): Uint8Array =>
  keyedHash(
    secret.key('one-time-code'),
    id,
    String(binding.userId),
    binding.asker,
    binding.channel,
    binding.address,
    binding.purpose,
    code,
  )

function messageOf(
  { userId, channel, purpose }: Binding,
  content: { to: string; language: Language; code: string; expiresAt: Date },
): Message {
  const kind = purpose === 'verification' ? 'verification_code' : 'address_change_code'
  if (channel === 'email') return { kind, channel, userId, ...content }
  return { kind, channel: 'sms', userId, ...content, to: content.to as Phone }
}

/** The challenge a code was right for, used up by it; undefined when it was right for none. */
export type Proof = store.Challenge | undefined

/**
 * Compares a code with every open one of the asker. A wrong code costs each of them a try and counts against its channel;
 * a right one is used up and costs the others nothing (invariant I4). Takes a transaction; its "no" must be committed.
 */
export async function verify(db: Database, deps: CodeDeps, asker: string, code: string, now: Date): Promise<Proof> {
  const { rules, secret } = deps
  // Before comparing, so that two requests racing for the last try cannot both have it.
  const open = await store.takeTries(db, asker, now, rules.maxTries)
  const right = open.find((challenge) =>
    equalInConstantTime(challenge.codeHash, hashOf(secret, challenge.id, challenge, code)),
  )
  if (!right || (await isLocked(db, rules, right))) {
    for (const { userId, channel, purpose } of open) await store.countFailure(db, userId, channel, purpose)
    return undefined
  }
  if (!(await store.consume(db, right.id, now))) return undefined
  const others = open.filter(({ id }) => id !== right.id).map(({ id }) => id)
  await store.returnTry(db, others)
  await store.forgetFailures(db, right.userId, right.channel, right.purpose)
  return right
}
