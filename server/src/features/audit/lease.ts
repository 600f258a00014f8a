import type { Database } from '../../database/schema.ts'
import { after, seconds } from '../../kernel/duration.ts'

// Long beside a batch of either job, short beside what anybody waits for: after a crash another process takes over then.
const LEASE = seconds(30)

/**
 * Takes or renews a timed job for one process; false while another has it. Takes the transaction of the job's own work: the
 * lease's row stays locked until that is committed, so that not even two whose clocks differ work at the same time.
 */
export async function takeLease(db: Database, name: string, holder: string, now: Date): Promise<boolean> {
  const lease = { holder, until: after(now, LEASE) }
  const taken = await db
    .insertInto('leases')
    .values({ name, ...lease })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet(lease)
        .where((where) => where.or([where('leases.holder', '=', holder), where('leases.until', '<=', now)])),
    )
    .returning('name')
    .executeTakeFirst()
  return taken !== undefined
}

/** Lets the next process have it at once. */
export async function giveUpLease(db: Database, name: string, holder: string): Promise<void> {
  await db.deleteFrom('leases').where('name', '=', name).where('holder', '=', holder).execute()
}
