import { after, type Duration, milliseconds, seconds } from '../kernel/duration.ts'
import type { Database } from './schema.ts'

// Long beside a batch of any job, short beside what anybody waits for: after a crash another process takes over then.
const SHORT = seconds(30)

/**
 * Takes or renews a timed job for one process; false while another has it, for as long as that renews in time. Clocks may
 * differ by less than `length` minus the time between two renewals. In the transaction of the job's own work the lease's
 * row stays locked until that is committed, so that not even two whose clocks differ more work at the same time.
 */
export async function takeLease(
  db: Database,
  name: string,
  holder: string,
  now: Date,
  length: Duration = SHORT,
): Promise<boolean> {
  const lease = { holder, until: after(now, length) }
  // Further ahead than any lease reaches: whoever took it had a clock far ahead, and without it nobody could for as long.
  const implausible = after(now, milliseconds(2 * length))
  const taken = await db
    .insertInto('leases')
    .values({ name, ...lease })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet(lease)
        .where((where) =>
          where.or([
            where('leases.holder', '=', holder),
            where('leases.until', '<=', now),
            where('leases.until', '>', implausible),
          ]),
        ),
    )
    .returning('name')
    .executeTakeFirst()
  return taken !== undefined
}

/** Lets the next process have it at once. */
export async function giveUpLease(db: Database, name: string, holder: string): Promise<void> {
  await db.deleteFrom('leases').where('name', '=', name).where('holder', '=', holder).execute()
}
