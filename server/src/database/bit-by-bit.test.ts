import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { insertUser, NOON, openForTest } from '../../test/database.ts'
import { removeExpired } from '../features/sessions/service.ts'
import { after, days } from '../kernel/duration.ts'

it('what is over goes in batches, with other work in between, and what is not stays', async () => {
  const deletions: string[] = []
  const beforeStatement = (text: string) => void (text.startsWith('delete') && deletions.push(text))
  const db = await openForTest({ beforeStatement })
  const userId = await insertUser(db, 'sara')
  const ended = (age: number, count: number) =>
    sql`with recursive numbers (number) as (select 1 union all select number + 1 from numbers where number < ${count})
      insert into sessions (id, user_id, rotated_at, created_at, authenticated_at, last_used_at, idle_expires_at,
        expires_at, acr, amr, ip, user_agent)
      select ${String(age)} || '-' || number, ${userId}, ${NOON}, ${NOON}, ${NOON}, ${NOON}, ${NOON},
        ${after(NOON, days(age))}, 'aal1', 'pwd', '', '' from numbers`.execute(db)
  await ended(1, 250)
  await ended(3, 2)
  let turns = 0
  const count = () => {
    turns += 1
    turn = setImmediate(count)
  }
  let turn = setImmediate(count)
  await removeExpired(db, after(NOON, days(2)))
  clearImmediate(turn)
  expect(deletions).toHaveLength(3)
  expect(turns).toBeGreaterThanOrEqual(2)
  expect(await db.selectFrom('sessions').select('id').orderBy('id').execute()).toEqual([{ id: '3-1' }, { id: '3-2' }])
})
