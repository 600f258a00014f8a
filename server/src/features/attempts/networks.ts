import { bitByBit } from '../../database/bit-by-bit.ts'
import { type Database, NOBODY } from '../../database/schema.ts'
import { prepared } from '../../database/prepared.ts'
import { neighbourhoodOf } from '../../http/client-address.ts'
import { before, days, hours } from '../../kernel/duration.ts'
import type { Secret } from '../../kernel/secret.ts'
import { forget, subjectOf } from './sign-ins.ts'

// As long as the longest session: who has been away for longer is a stranger once.
const KNOWN_FOR = days(30)

// Whoever signs in again and again from one place, as scripts do, does not have it written down each time.
const NOTED_EVERY = hours(1)

// As many as devices: nobody signs in from more, and a bound on what one account can store.
const MAX_NETWORKS = 50

/** The network an address lies in, where the user signed in from there within 30 days; undefined where he did not. */
export async function recogniseNetwork(
  db: Database,
  userId: number | undefined,
  address: string | null,
  now: Date,
): Promise<string | undefined> {
  return (await findKnown(db, userId, address, now))?.network
}

const known = prepared((db, { userId, network, since }: { userId: number; network: string; since: Date }) =>
  db
    .selectFrom('knownNetworks')
    .select(['network', 'signedInAt'])
    .where('userId', '=', userId)
    .where('network', '=', network)
    .where('signedInAt', '>', since),
)

async function findKnown(db: Database, userId: number | undefined, address: string | null, now: Date) {
  const network = neighbourhoodOf(address ?? '')
  return (await known(db, { userId: userId ?? NOBODY, network, since: before(now, KNOWN_FOR) }))[0]
}

/**
 * Makes the network of a sign-in known. One that was not begins with no failures, whatever failed there when it last was. The
 * one unused for longest leaves where there are 50. Takes a transaction.
 */
export async function rememberNetwork(
  db: Database,
  secret: Secret,
  { id: userId, emailKey }: { readonly id: number; readonly emailKey: string },
  address: string | null,
  signedInAt: Date,
): Promise<void> {
  if (address === null) return
  const network = neighbourhoodOf(address)
  const known = await findKnown(db, userId, address, signedInAt)
  if (known && known.signedInAt > before(signedInAt, NOTED_EVERY)) return
  if (!known) await forget(db, subjectOf(secret, emailKey, { network }))
  await db
    .insertInto('knownNetworks')
    .values({ userId, network, signedInAt })
    .onConflict((conflict) => conflict.columns(['userId', 'network']).doUpdateSet({ signedInAt }))
    .execute()
  const longestUnused = (await networksOf(db, userId)).slice(MAX_NETWORKS)
  if (longestUnused.length === 0) return
  await db.deleteFrom('knownNetworks').where('userId', '=', userId).where('network', 'in', longestUnused).execute()
}

/** The networks a user is known by, the last used first. */
export async function networksOf(db: Database, userId: number): Promise<string[]> {
  const rows = await db
    .selectFrom('knownNetworks')
    .select('network')
    .where('userId', '=', userId)
    .orderBy('signedInAt', 'desc')
    .execute()
  return rows.map(({ network }) => network)
}

export async function removeNetworksOf(db: Database, userId: number): Promise<void> {
  await db.deleteFrom('knownNetworks').where('userId', '=', userId).execute()
}

export const removeOldNetworks = (db: Database, now: Date): Promise<void> =>
  bitByBit((limit) => {
    const since = before(now, KNOWN_FOR)
    const some = db
      .selectFrom('knownNetworks')
      .select(['userId', 'network'])
      .where('signedInAt', '<', since)
      .limit(limit)
      .$asTuple('userId', 'network')
    return (
      db
        .deleteFrom('knownNetworks')
        .where(({ eb, refTuple }) => eb(refTuple('userId', 'network'), 'in', some))
        // Asked twice: somebody may have signed in from there just now.
        .where('signedInAt', '<', since)
        .executeTakeFirst()
    )
  })
