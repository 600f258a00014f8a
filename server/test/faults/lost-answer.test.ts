import { join } from 'node:path'
import { afterAll, describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import { openDatabase, type DatabaseLocation } from '../../src/database/open.ts'
import { seconds } from '../../src/kernel/duration.ts'
import { createSmtpGateway } from '../../src/ports/mail/smtp.ts'
import { temporaryFolder } from '../database.ts'
import { startSmtp, type SmtpLookalike } from '../lookalikes/smtp.ts'
import { createOutbox } from '../outbox.ts'
import { needsPostgres, stopPostgres } from '../postgres.ts'
import { createTurnedClock } from '../turned-clock.ts'

afterAll(stopPostgres)

const DATABASES: readonly [string, (context: TestContext) => Promise<DatabaseLocation>][] = [
  ['SQLite', async () => ({ kind: 'file', path: join(temporaryFolder(), 'test.db') })],
  ['PostgreSQL', async (context) => ({ kind: 'postgres', url: await (await needsPostgres(context)).create() })],
]

/** What each process has of its own: memory and connections. */
function gatewayTo({ port }: SmtpLookalike) {
  const settings = { host: '127.0.0.1', port, user: undefined, password: undefined, security: 'none' } as const
  const gateway = createSmtpGateway({ ...settings, from: 'noreply@example.com' }, { clock: createTurnedClock() })
  onTestFinished(() => gateway.close())
  return gateway
}

// Statements by which a worker records what became of its attempt; one that fails is, to the database, a worker killed.
const isRecord = (sql: string): boolean =>
  sql.startsWith('update "deliveries"') && / "attempts" = (?:\?|\$\d+)/.test(sql)

/** A mail server that takes every mail and loses every answer, and two processes that send by it. */
async function twoProcesses(location: DatabaseLocation) {
  const smtp = await startSmtp({ security: 'none' })
  smtp.plan('lost', Infinity)
  let isKilled = false
  const beforeStatement = (sql: string): void => {
    if (isKilled && isRecord(sql)) throw new Error('killed')
  }
  const outbox = await createOutbox({ location, beforeStatement })
  const second = await openDatabase({ location, beforeStatement })
  onTestFinished(async () => {
    await outbox.close()
    await second.close()
    await smtp.close()
  })
  const workers = [
    outbox.another({ gateways: { email: gatewayTo(smtp) } }),
    outbox.another({ gateways: { email: gatewayTo(smtp) }, db: second.db }),
  ]
  return {
    smtp,
    /** A message that outlives many attempts. */
    post: () =>
      outbox.post({
        kind: 'refresh_token_reused',
        channel: 'email',
        to: 'sara@example.com',
        language: 'en',
        userId: outbox.userId,
        facts: { signedInAt: outbox.clock.now(), ip: '192.0.2.1' },
      }),
    rows: () => outbox.db.selectFrom('deliveries').selectAll().execute(),
    /** The n-th attempt, by one process and the other in turn, once its moment has come. */
    async attempt(n: number, fate: 'lost' | 'killed'): Promise<void> {
      isKilled = fate === 'killed'
      await workers[n % 2]!.deliverDue()
      outbox.clock.turn(seconds(60))
    },
  }
}

describe.each(DATABASES)('a mail whose answers are all lost, sent by two processes on %s', (_, locate) => {
  // Remember in the process, or by `reason` alone, what may have been taken, and one of these sends a third copy.
  it.for([
    ['lost', 'lost'],
    ['killed', 'lost'],
    ['lost', 'killed'],
    ['killed', 'killed'],
  ] as const)('arrives exactly twice: %s, then %s', async (fates, context) => {
    const { smtp, post, rows, attempt } = await twoProcesses(await locate(context))
    await post()
    for (const n of [0, 1, 2, 3]) await attempt(n, fates[n] ?? 'lost')
    expect(smtp.messages).toHaveLength(2)
    expect(new Set(smtp.messages.map(({ messageId }) => messageId)).size).toBe(1)
    expect(await rows()).toMatchObject([
      { status: 'dead', attempts: 2, sealed: null, reason: expect.stringMatching(/^no answer twice; /) },
    ])
  })
})
