import { type Database, NOBODY } from '../../database/schema.ts'
import type { Phone } from '../../kernel/address.ts'
import { after, before, type Duration, secondsUntil } from '../../kernel/duration.ts'
import type { Language } from '../../kernel/language.ts'
import { type Random, uuidv7 } from '../../kernel/random.ts'
import { equalInConstantTime, keyedHash, type Secret } from '../../kernel/secret.ts'
import { countFailure, failuresOf, forgetFailures } from '../attempts/service.ts'
import type { Message, Messages } from '../messages/service.ts'
import { decide, type FirewallDeps, markVerified, type Ruling, takeBack } from '../sms-firewall/service.ts'
import { messageOf } from './message.ts'
import * as store from './store.ts'

export { createDestinationLimits, type DestinationLimits, destinationOf } from './destinations.ts'
export type { Channel, Purpose } from './store.ts'
export { hasOpen, ownerOf, removeExpired, removeForChannel, voidAll, voidOf } from './store.ts'

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
  readonly firewall: FirewallDeps
  readonly rules: CodeRules
}

/** Everything a code is good for, and for nothing else. */
export interface Binding {
  readonly userId: number
  /** The session or pending sign-in that asks. */
  readonly asker: string
  readonly channel: store.Channel
  /** The e-mail key or E.164 number. */
  readonly address: string
  readonly purpose: store.Purpose
}

/** A binding whose code is perhaps nobody's. */
type AnyBinding = Omit<Binding, 'userId'> & { readonly userId: number | null }

interface Envelope {
  readonly to: string
  readonly language: Language
  /** What the one who asks is counted by: `networkOf` his address. */
  readonly network: string
  /** Whether it goes to one who has proven the address. */
  readonly isOwners: boolean
  /** What is sent in place of the code, which then nobody learns. */
  readonly instead?: Message
}

export interface Sent {
  readonly kind: 'sent'
  readonly challengeId: string
}

export interface Cooldown {
  readonly kind: 'cooldown'
  readonly retryAfterSeconds: number
}

/** `sms_refused`, `sms_limited`: the SMS firewall keeps it back; the code before stays as it was. */
export type Issue = Sent | Cooldown | { readonly kind: 'locked' } | Exclude<Ruling, { kind: 'allowed' }>

/** Why no code of this binding may be sent now, or undefined. Changes nothing; `issue` decides again, for good. */
export async function whyNotIssue(
  db: Database,
  { rules }: CodeDeps,
  binding: Binding,
  now: Date,
): Promise<Issue | undefined> {
  return (await isLocked(db, rules, binding)) ? { kind: 'locked' } : cooldownOf(db, rules, binding, now)
}

/** What is left of the cooldown of a binding, or undefined. Changes nothing. */
export async function cooldownOf(
  db: Database,
  rules: CodeRules,
  binding: Omit<Binding, 'userId'>,
  now: Date,
): Promise<Cooldown | undefined> {
  const last = await store.sentAt(db, binding)
  return last && last > before(now, rules.resendAfter) ? cooldown(rules, last, now) : undefined
}

const cooldown = (rules: CodeRules, last: Date, now: Date): Cooldown => ({
  kind: 'cooldown',
  retryAfterSeconds: secondsUntil(now, after(last, rules.resendAfter)),
})

async function isLocked(
  db: Database,
  { lockAfter }: CodeRules,
  { userId, channel, purpose }: Pick<Binding, 'userId' | 'channel' | 'purpose'>,
): Promise<boolean> {
  return lockAfter !== undefined && (await failuresOf(db, { userId, method: channel, purpose })) >= lockAfter
}

const FIRST_CODE = 100_000
const LAST_CODE = 999_999

/** Six digits, the first of them no zero: whoever types them as a number loses none. */
export const drawCode = (random: Random): string => String(random.integer(FIRST_CODE, LAST_CODE))

/**
 * Makes a code, ends the one before of the same binding and stores the message that carries it to `to`, all in the
 * caller's transaction: the code is valid if and only if it will be sent. Wake the messages after the commit.
 */
export async function issue(
  db: Database,
  deps: CodeDeps,
  binding: Binding,
  envelope: Envelope,
  now: Date,
): Promise<Issue> {
  if (await isLocked(db, deps.rules, binding)) return { kind: 'locked' }
  const id = uuidv7(deps.random, now)
  const ruling = await rule(db, deps, { id, ...binding }, envelope, now)
  return ruling.kind === 'allowed' ? put(db, deps, { id, ...binding }, envelope, now) : ruling
}

/**
 * As `issue`, for someone who is nobody yet: the answer and the work are the same whether the code is a user's, is held
 * back by a lock or by the SMS firewall, or is nobody's (`userId` null). Then no code is right for the challenge, and no
 * message leaves.
 */
export async function issueToAnyone(
  db: Database,
  deps: CodeDeps,
  binding: AnyBinding,
  envelope: Envelope,
  now: Date,
): Promise<Sent | Cooldown> {
  const isHeldBack = await isLocked(db, deps.rules, { ...binding, userId: binding.userId ?? NOBODY })
  const mine = { id: uuidv7(deps.random, now), ...binding }
  const nobodys = { ...mine, userId: null }
  const ruling = await rule(db, deps, isHeldBack ? nobodys : mine, envelope, now)
  return put(db, deps, isHeldBack || ruling.kind !== 'allowed' ? nobodys : mine, envelope, now)
}

type Numbered = AnyBinding & { readonly id: string }

async function rule(
  db: Database,
  { firewall }: CodeDeps,
  { id, channel, purpose, userId }: Numbered,
  { to, network, isOwners }: Envelope,
  now: Date,
): Promise<Ruling> {
  if (channel !== 'phone') return { kind: 'allowed' }
  return decide(db, firewall, { id, to: to as Phone, network, purpose, isOwners, isDecoy: userId === null }, now)
}

async function put(
  db: Database,
  { rules, random, secret, messages }: CodeDeps,
  { id, ...binding }: Numbered,
  { to, language, instead }: Envelope,
  now: Date,
): Promise<Sent | Cooldown> {
  const code = drawCode(random)
  const expiresAt = after(now, rules.lifetime)
  const codeHash = binding.userId === null ? random.bytes(32) : hashOf(secret, id, binding, code)
  if (
    !(await store.replace(db, { id, ...binding, codeHash, createdAt: now, expiresAt }, before(now, rules.resendAfter)))
  ) {
    if (binding.channel === 'phone') await takeBack(db, id)
    return cooldown(rules, (await store.sentAt(db, binding)) ?? now, now)
  }
  await messages.enqueue(db, instead ?? messageOf(binding, { to, language, code, expiresAt }), now)
  return { kind: 'sent', challengeId: id }
}

const hashOf = (secret: Secret, id: string, binding: AnyBinding, code: string): Uint8Array =>
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

/** A challenge of somebody's; the one a code was right for. */
export type OwnChallenge = store.Challenge & { readonly userId: number }

/** What a code was for the open challenges of an asker. */
export type Proof =
  /** The challenge it was right for, used up by it. */
  | { readonly kind: 'right'; readonly challenge: OwnChallenge }
  /** Right for none. `tried`: the channels it was counted against; `locked`: for which of them it was the last wrong one. */
  | { readonly kind: 'wrong'; readonly tried: readonly store.Channel[]; readonly locked: readonly store.Channel[] }

/**
 * Compares a code with every open one of the asker for these purposes. A wrong code costs each of them a try and counts
 * against its channel; a right one is used up and costs the others nothing (invariant I4). Takes a transaction; its "no"
 * must be committed.
 */
export async function verify(
  db: Database,
  deps: CodeDeps,
  asked: { readonly asker: string; readonly purposes: readonly store.Purpose[] },
  code: string,
  now: Date,
): Promise<Proof> {
  const { rules, secret } = deps
  // Before comparing, so that two requests racing for the last try cannot both have it.
  const open = (await store.takeTries(db, asked, now, rules.maxTries)).filter(isSomebodys)
  const right = open.find((challenge) =>
    equalInConstantTime(challenge.codeHash, hashOf(secret, challenge.id, challenge, code)),
  )
  if (!right || (await isLocked(db, rules, right))) return countWrong(db, rules, open)
  if (!(await useUp(db, right, now))) return { kind: 'wrong', tried: [], locked: [] }
  const others = open.filter(({ id }) => id !== right.id).map(({ id }) => id)
  await store.returnTry(db, others)
  await forgetFailures(db, right.userId, { method: right.channel, purpose: right.purpose })
  return { kind: 'right', challenge: right }
}

/** Uses a challenge up, whose code was right. False for all but one (invariant I4). */
async function useUp(db: Database, { id, channel }: store.Challenge, now: Date): Promise<boolean> {
  const isFirst = await store.consume(db, id, now)
  if (isFirst && channel === 'phone') await markVerified(db, id, now)
  return isFirst
}

async function countWrong(db: Database, { lockAfter }: CodeRules, open: readonly OwnChallenge[]): Promise<Proof> {
  const locked: store.Channel[] = []
  for (const { userId, channel, purpose } of open) {
    if ((await countFailure(db, { userId, method: channel, purpose })) === lockAfter) locked.push(channel)
  }
  return { kind: 'wrong', tried: open.map(({ channel }) => channel), locked }
}

const isSomebodys = (challenge: store.Challenge): challenge is OwnChallenge => challenge.userId !== null

/** What a code was for one challenge that anyone may answer who was given its id. */
export type Answered =
  | { readonly kind: 'right'; readonly challenge: OwnChallenge }
  /** `userId` null: nobody's. `isNowLocked`: this was the last wrong one that is taken. */
  | {
      readonly kind: 'wrong'
      readonly userId: number | null
      readonly channel: store.Channel
      readonly isNowLocked: boolean
    }
  /** Unknown, of another purpose, expired, used up or out of tries. */
  | { readonly kind: 'gone' }

/**
 * Compares a code with one challenge, for someone who is nobody yet: same tries, same single use, same count of failures
 * as `verify`. A challenge of nobody's costs the same and is never right. Takes a transaction; its "no" must be committed.
 */
export async function verifyChallenge(
  db: Database,
  { rules, secret }: CodeDeps,
  asked: { readonly id: string; readonly purpose: store.Purpose },
  code: string,
  now: Date,
): Promise<Answered> {
  // Before comparing, as in `verify`.
  const challenge = await store.takeTry(db, asked, now, rules.maxTries)
  if (!challenge) return { kind: 'gone' }
  const { userId, channel, purpose } = challenge
  const tried = { userId: userId ?? NOBODY, method: channel, purpose }
  const isRight = equalInConstantTime(challenge.codeHash, hashOf(secret, challenge.id, challenge, code))
  const isBarred = await isLocked(db, rules, { ...challenge, userId: tried.userId })
  if (!isSomebodys(challenge) || !isRight || isBarred) {
    const failures = await countFailure(db, tried)
    return { kind: 'wrong', userId, channel, isNowLocked: failures === rules.lockAfter }
  }
  if (!(await useUp(db, challenge, now))) return { kind: 'gone' }
  await forgetFailures(db, challenge.userId, { method: channel, purpose })
  return { kind: 'right', challenge }
}
