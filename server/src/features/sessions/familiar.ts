import type { Database } from '../../database/schema.ts'
import { prepared } from '../../database/prepared.ts'
import type { Secret } from '../../kernel/secret.ts'
import { type KnownBy, knownBy } from '../attempts/service.ts'
import { type EndReason, findById, type Session } from './store.ts'

// Someone threw these out, or had reason to: what began them vouches for nothing.
const DISOWNED: readonly EndReason[] = ['ended_by_user', 'refresh_token_reused', 'change_undone']

/**
 * Whether the user signed in before with this kind of program from this network, as far as sessions are remembered (30
 * days). For clients that send no device value; so a phone that changes its network is told of once for each.
 */
export async function isFamiliar(db: Database, session: Session): Promise<boolean> {
  return (await familiar(db, session)).length > 0
}

type Signs = Pick<Session, 'id' | 'userId' | 'device' | 'userAgent' | 'network'>

const familiar = prepared((db, { id, userId, device, userAgent, network }: Signs) =>
  db
    .selectFrom('sessions')
    .select('id')
    .where('userId', '=', userId)
    // What signed in before programs were named is known by what it called itself, letter by letter.
    .where(({ eb, or }) => or([eb('device', '=', device), eb('userAgent', '=', userAgent)]))
    .where('network', '=', network)
    .where('id', '!=', id)
    .where(({ eb, or }) => or([eb('endReason', 'is', null), eb('endReason', 'not in', DISOWNED)]))
    .limit(1),
)

/** Whether any session of the user began in this network, as far as sessions are remembered. */
export async function hasSessionFrom(db: Database, userId: number, network: string): Promise<boolean> {
  const earlier = await db
    .selectFrom('sessions')
    .select('id')
    .where('userId', '=', userId)
    .where('network', '=', network)
    .limit(1)
    .executeTakeFirst()
  return earlier !== undefined
}

/**
 * By what the account knows whoever has a session: the network it began in, wherever he is now. So strangers who fail to
 * sign in never keep him from proving his password again.
 */
export async function knownBySession(
  db: Database,
  secret: Secret,
  { userId, sessionId }: { readonly userId: number; readonly sessionId: string },
  now: Date,
): Promise<KnownBy> {
  const session = await findById(db, sessionId)
  return knownBy(db, { secret }, { userId, ip: session?.ip ?? null }, now)
}
