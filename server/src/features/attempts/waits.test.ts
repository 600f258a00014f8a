import { afterAll, describe, expect, it } from 'vitest'
import { NOON } from '../../../test/database.ts'
import { DATABASES } from '../../../test/databases.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { atOnce, inTurn } from '../../../test/wire.ts'
import type { Database } from '../../database/schema.ts'
import { after, days, hours, minutes, seconds } from '../../kernel/duration.ts'
import { createSecret } from '../../kernel/secret.ts'
import { admit, type Admission, subjectOf } from './service.ts'

afterAll(stopPostgres)

const WITHIN = { timeout: 60_000 }
const RATE = { quota: 20, period: minutes(1) }
const secret = createSecret(Buffer.alloc(32, 1))
const KNOWN = { network: '192.0.2.0/24' }

const subject = (name: string) => subjectOf(secret, `${name}@example.com`, KNOWN)
const admitted = (admissions: readonly Admission[]): number =>
  admissions.filter(({ kind }) => kind === 'admitted').length

/** As if so many had failed, the last a day ago. */
const fail = (db: Database, name: string, failures: number) =>
  db
    .insertInto('signInFailures')
    .values({ subject: subject(name), failures, lastFailedAt: new Date(NOON.getTime() - days(1)) })
    .execute()

describe.each(DATABASES)('past the five that are free, on %s', WITHIN, (_, open) => {
  it('each wait is twice the one before, up to an hour, and asking during it lengthens nothing', async (context) => {
    const db = await open(context)
    const waits: number[] = []
    let now = NOON
    await inTurn(5, () => admit({ db, failedSignIns: RATE }, subject('ana'), now))
    await inTurn(9, async () => {
      const waiting = await inTurn(3, () => admit({ db, failedSignIns: RATE }, subject('ana'), now))
      const [wait] = waiting.flatMap((each) => (each.kind === 'wait' ? [each.retryAfterSeconds] : []))
      waits.push(wait!)
      now = after(now, seconds(wait!))
      await admit({ db, failedSignIns: RATE }, subject('ana'), now)
    })
    expect(waits).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600])
  })

  // Guard: what counts and what makes wait are one transaction. Seen failing (20 admitted) with the two apart.
  it('one of twenty at once is admitted when a wait is over', async (context) => {
    const db = await open(context)
    await inTurn(10, async (round) => {
      await fail(db, `${round}`, 6)
      const admissions = await atOnce(20, () => admit({ db, failedSignIns: RATE }, subject(`${round}`), NOON))
      expect(admitted(admissions)).toBe(1)
    })
  })

  it('the hundredth closes, one of twenty at once, and no day opens again', async (context) => {
    const db = await open(context)
    await fail(db, 'ana', 99)
    expect(admitted(await atOnce(20, () => admit({ db, failedSignIns: RATE }, subject('ana'), NOON)))).toBe(1)
    const later = await inTurn(5, (day) =>
      admit({ db, failedSignIns: RATE }, subject('ana'), after(NOON, hours(24 * day + 2))),
    )
    expect(admitted(later)).toBe(0)
  })
})
