import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import { actOf } from '../../kernel/act.ts'
import type { Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'
import { rememberDevice, rememberNetwork, touchDevice } from '../attempts/service.ts'
import type { Method } from '../factors/service.ts'
import { notify } from '../messages/service.ts'
import {
  type Assurance,
  begin,
  isFamiliar,
  originOf,
  type Session,
  type SessionDeps,
  type TokenPair,
  tokenPair,
} from '../sessions/service.ts'
import { update, type User } from '../users/service.ts'

export interface CompleteDeps {
  readonly secret: Secret
  readonly random: Random
  readonly sessions: SessionDeps
}

/** A sign-in with every proof given. */
export interface Complete {
  readonly user: User
  readonly assurance: Assurance
  /** The known device that asked. */
  readonly deviceId: string | undefined
  /** Whether a device value was asked for. */
  readonly wantsDevice: boolean
  /** What passed the second step, where there was one. */
  readonly factor?: Method
}

export interface SignedIn {
  readonly kind: 'signed_in'
  readonly user: User
  readonly session: Session
  readonly tokens: TokenPair
  /** The value the device will be known by, when it asked to be. */
  readonly device: string | undefined
}

/**
 * Opens the session of a sign-in that proved all it had to, however it did: the one place where sessions begin. Puts it on
 * record and tells the user of a device not seen before. Takes a transaction; wake the messages after it.
 */
export async function complete(
  db: Database,
  deps: CompleteDeps,
  { user, assurance, deviceId, wantsDevice, factor }: Complete,
  act: Act,
  now: Date,
): Promise<SignedIn> {
  const session = await begin(db, deps.sessions, { userId: user.id, ...assurance }, originOf(act), now)
  if (deviceId !== undefined) await touchDevice(db, deviceId, now)
  else await tellOfNewDevice(db, deps.sessions, { user, session }, now)
  await rememberNetwork(db, deps.secret, user, act.ip, now)
  if (user.firstSignedInAt === null) await update(db, user.id, { firstSignedInAt: now })
  const device = wantsDevice ? await rememberDevice(db, deps, user.id, now) : undefined
  const details = { session: session.id, acr: session.acr, amr: assurance.amr, ...(factor && { factor }) }
  await deps.sessions.audit.record(db, actOf(act, user.id), { type: 'signed_in', userId: user.id, details }, now)
  return { kind: 'signed_in', user, session, tokens: tokenPair(deps.sessions, session, user, now), device }
}

/** Never at an account's first sign-in: then every device is new. */
async function tellOfNewDevice(
  db: Database,
  sessions: SessionDeps,
  { user, session }: { readonly user: User; readonly session: Session },
  now: Date,
): Promise<void> {
  if (user.firstSignedInAt === null || (await isFamiliar(db, session))) return
  const facts = { device: session.device, ip: session.ip }
  await notify(db, sessions, user, { kind: 'new_sign_in', facts }, now)
}
