import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { scrape, TOKEN } from '../../../test/metrics.ts'
import { IS_ON_POSTGRES } from '../../../test/world-database.ts'
import { createWorld } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

const settings = { METRICS_TOKEN: TOKEN }

it('tells what waits in the outbox, for how long, and what was delivered', async () => {
  const world = await createWorld({ settings })
  const user = await world.signedInUser()
  await world.call('POST', '/api/otp/send/', { token: user.access, body: { email_or_phone: 'email' } })
  world.clock.turn(minutes(1))
  const waiting = await scrape(world)
  expect(waiting.value('latchkey_outbox_messages', { channel: 'email' })).toBe(1)
  expect(waiting.value('latchkey_outbox_messages', { channel: 'sms' })).toBe(0)
  expect(waiting.value('latchkey_outbox_oldest_seconds', { channel: 'email' })).toBe(60)
  await world.latchkey.worker.deliverDue()
  world.clock.turn(seconds(6))
  const sent = await scrape(world)
  expect(sent.value('latchkey_outbox_messages', { channel: 'email' })).toBe(0)
  expect(sent.value('latchkey_outbox_oldest_seconds', { channel: 'email' })).toBe(0)
  expect(sent.value('latchkey_deliveries_total', { channel: 'email', outcome: 'sent' })).toBe(1)
})

it('tells what was given up, and of the record what is not chained yet', async () => {
  const world = await createWorld({ settings })
  const user = await world.signedInUser()
  await world.call('POST', '/api/otp/send/', { token: user.access, body: { email_or_phone: 'email' } })
  world.clock.turn(minutes(3))
  await world.latchkey.worker.deliverDue()
  const { value } = await scrape(world)
  expect(value('latchkey_outbox_dead_letters', { channel: 'email' })).toBe(1)
  expect(value('latchkey_deliveries_total', { channel: 'email', outcome: 'expired' })).toBe(1)
  expect(value('latchkey_audit_unsealed')).toBe(2)
  expect(value('latchkey_audit_last_number')).toBe(0)
})

it('asks the database once for scrapes that come together or soon after each other', async () => {
  let asked = 0
  const beforeStatement = (sql: string) => void (sql.includes('from "deliveries"') && asked++)
  const world = await createWorld({ settings, compose: { beforeStatement } })
  await Promise.all([scrape(world), scrape(world)])
  await scrape(world)
  expect(asked).toBe(2) // what waits and what was given up
  world.clock.turn(seconds(6))
  await scrape(world)
  expect(asked).toBe(4)
})

it('answers without what only the database knows while it does not answer, and says so', async () => {
  const faults = { isAway: false }
  const world = await createWorld({
    settings,
    compose: {
      beforeStatement() {
        if (faults.isAway) throw new Error('away')
      },
    },
  })
  expect((await scrape(world)).value('latchkey_database_readable')).toBe(1)
  faults.isAway = true
  world.clock.turn(seconds(6))
  const { value } = await scrape(world)
  expect(value('latchkey_database_readable')).toBe(0)
  for (const name of ['latchkey_outbox_messages', 'latchkey_audit_unsealed', 'latchkey_audit_last_number'])
    expect(value(name), name).toBeUndefined()
  expect(value('latchkey_build_info')).toBe(1)
})

it('does not wait for a transaction that holds the database, and asks nothing more meanwhile', async () => {
  const world = await createWorld({ settings })
  const held = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const holding = world.latchkey.foundation.db.transaction().execute(async (db) => {
    // Elsewhere nothing but a lock keeps a reader out.
    if (IS_ON_POSTGRES) await sql`lock table deliveries in access exclusive mode`.execute(db)
    begun.resolve()
    await held.promise
  })
  await begun.promise
  expect((await scrape(world)).value('latchkey_database_readable')).toBe(0)
  held.resolve()
  await holding
  world.clock.turn(seconds(6))
  expect((await scrape(world)).value('latchkey_database_readable')).toBe(1)
})
