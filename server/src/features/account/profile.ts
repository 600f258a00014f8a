import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import { type Email, emailKey, type Phone } from '../../kernel/address.ts'
import { type WayInRules, whyKeep } from '../factors/service.ts'
import { type Channel, removeForChannel } from '../otp/service.ts'
import { forgetProofs } from '../sessions/service.ts'
import {
  emailColumns,
  isEmailTaken,
  lockUser,
  pendingAddress,
  updateAddress,
  type User,
  type UserChanges,
} from '../users/service.ts'
import { type AddressRules, type ChangedBy, channelsLost, type Step, stepsOf } from './addresses.ts'
import { type ChangeDeps, completeChange, requestChange, withdrawChange } from './changes.ts'
import { recordPhoneSignInOff, tellPhoneSignInOn } from './phone-sign-in.ts'

/** What someone asks to change; an absent member stays as it is. */
export interface ProfileChanges {
  readonly email?: Email
  readonly phone?: Phone | null
  readonly first_name?: string
  readonly last_name?: string
  readonly birthday?: string | null
  readonly gender?: 'M' | 'F' | null
  readonly language?: 'en' | 'fa' | null
  readonly phone_sign_in?: boolean
}

export interface ProfileDeps extends ChangeDeps, AddressRules {
  readonly factorRules: WayInRules
}

export type ProfileChange =
  /** `pending` names the channels whose new address now waits for its code. */
  { readonly kind: 'changed'; readonly user: User; readonly pending: readonly Channel[] } | ProfileRefusal

export type ProfileRefusal =
  | { readonly kind: 'email_taken' }
  /** No code by SMS may begin a sign-in where no number is verified. */
  | { readonly kind: 'phone_not_verified' }
  /** Two factors are on, or there is no other way in, and this address is the last of them. */
  | { readonly kind: 'last_factor' | 'last_sign_in_method' }
  | { readonly kind: 'gone' }

/** Changes a user's own record. Takes a transaction, to be run through `settleConflict`. */
export async function changeProfile(
  db: Database,
  deps: ProfileDeps,
  { userId, by, wanted }: { readonly userId: number; readonly by: ChangedBy; readonly wanted: ProfileChanges },
  act: Act,
  now: Date,
): Promise<ProfileChange> {
  const before = await lockUser(db, userId)
  if (!before) return { kind: 'gone' }
  const steps = stepsOf(deps, before, wanted, by)
  const refusal = await whyNotChange(db, deps, { user: before, by, steps, wanted }, now)
  if (refusal) return refusal
  const changes = { ...plainChanges(wanted), ...changesOf(steps), ...phoneSignIn(before, wanted, now) }
  const user = Object.keys(changes).length === 0 ? before : await updateAddress(db, userId, changes, now)
  if (!user) return { kind: 'gone' }
  await forgetFormerAddresses(db, user, changes)
  for (const step of steps) await tellStep(db, deps, before, step, act, now)
  await tellPhoneSignIn(db, deps, before, user, act, now)
  await recordMembers(db, deps, { user: before, by, steps, wanted }, act, now)
  return { kind: 'changed', user, pending: steps.filter(({ kind }) => kind === 'wait').map(({ channel }) => channel) }
}

interface Wish {
  readonly user: User
  readonly by: ChangedBy
  readonly steps: readonly Step[]
  readonly wanted: ProfileChanges
}

async function whyNotChange(
  db: Database,
  { mailboxes, isNeutral, factorRules }: ProfileDeps,
  { user, by, steps, wanted }: Wish,
  now: Date,
): Promise<ProfileRefusal | undefined> {
  const email = steps.some(({ kind, channel }) => channel === 'email' && kind !== 'same') ? wanted.email : undefined
  const isTold = by === 'admin' || !isNeutral
  if (email !== undefined && isTold && (await isEmailTaken(db, emailColumns(mailboxes, email), now, user.id))) {
    return { kind: 'email_taken' }
  }
  const lost = channelsLost(user, steps)
  const hasPhone = user.phoneVerifiedAt !== null && !lost.includes('phone')
  if (wanted.phone_sign_in === true && !hasPhone) return { kind: 'phone_not_verified' }
  for (const channel of lost) {
    const why = await whyKeep(db, factorRules, user, channel)
    if (why) return { kind: why }
  }
  return undefined
}

const changesOf = (steps: readonly Step[]): UserChanges =>
  steps.reduce<UserChanges>((changes, step) => ({ ...changes, ...step.changes }), {})

function plainChanges({ first_name, last_name, birthday, gender, language }: ProfileChanges): UserChanges {
  return {
    ...(first_name !== undefined && { firstName: first_name }),
    ...(last_name !== undefined && { lastName: last_name }),
    ...(birthday !== undefined && { birthday }),
    ...(gender !== undefined && { gender }),
    ...(language !== undefined && { language }),
  }
}

function phoneSignIn(user: User, { phone_sign_in: isOn }: ProfileChanges, now: Date): UserChanges {
  if (isOn === undefined) return {}
  return { phoneSignInSince: isOn ? (user.phoneSignInSince ?? now) : null }
}

/** A code proves the address it went to and nothing else, and so does what a session has proven. */
async function forgetFormerAddresses(db: Database, user: User, changes: UserChanges): Promise<void> {
  if ('pendingEmail' in changes) await removeForChannel(db, user.id, 'email', addressesOf(user, 'email'))
  if ('pendingPhone' in changes) await removeForChannel(db, user.id, 'phone', addressesOf(user, 'phone'))
  if ('emailKey' in changes) await forgetProofs(db, user.id, 'email')
  if ('phone' in changes) await forgetProofs(db, user.id, 'phone')
}

/** The addresses of a channel that a code may prove: the one on file and the one that waits to take its place. */
function addressesOf(user: User, channel: Channel): string[] {
  if (channel === 'phone') return [user.phone, user.pendingPhone].filter((phone) => phone !== null)
  return [user.emailKey, ...(user.pendingEmail === null ? [] : [emailKey(user.pendingEmail as Email)])]
}

/** `user` is as it was before. */
async function tellStep(db: Database, deps: ProfileDeps, user: User, step: Step, act: Act, now: Date): Promise<void> {
  const { channel } = step
  switch (step.kind) {
    case 'same':
      if (pendingAddress(user, channel) === null) return
      return withdrawChange(db, deps, { user, channel }, act, now)
    case 'wait':
      return requestChange(db, deps, { user, channel, to: step.to }, act, now)
    case 'at_once':
      return completeChange(db, deps, { user, kind: step.completion, to: step.to }, act, now)
  }
}

async function tellPhoneSignIn(
  db: Database,
  deps: ProfileDeps,
  before: User,
  user: User,
  act: Act,
  now: Date,
): Promise<void> {
  if (user.phoneSignInSince === null) return recordPhoneSignInOff(db, deps, before, act, now)
  if (before.phoneSignInSince === null) await tellPhoneSignInOn(db, deps, user, act, now)
}

const PLAIN = ['first_name', 'last_name', 'birthday', 'gender', 'language'] as const

/** Which members were set, never to what; the e-mail where only its spelling is another. */
async function recordMembers(
  db: Database,
  { audit }: ProfileDeps,
  { user, steps, wanted }: Wish,
  act: Act,
  now: Date,
): Promise<void> {
  const isRespelt =
    steps.some(({ kind, channel }) => kind === 'same' && channel === 'email') && wanted.email !== user.email
  const members = [...(isRespelt ? ['email'] : []), ...PLAIN.filter((member) => wanted[member] !== undefined)]
  if (members.length === 0) return
  await audit.record(db, act, { type: 'profile_changed', userId: user.id, details: { members } }, now)
}
