import { createMessages } from '../src/features/messages/service.ts'
import { after, minutes } from '../src/kernel/duration.ts'
import { systemRandom } from '../src/kernel/random.ts'
import type { CommandWorld } from './command.ts'
import { insertUser, newId, sessionRow } from './database.ts'

/** What everything that hangs on the secret left behind: a session, an open code, a registration that waits for one, a known device, a failure, two mails. */
export const useInstallation = (world: CommandWorld): Promise<{ userId: number; kid: string }> =>
  world.inside(async ({ db, secret, keys }) => {
    const now = world.clock.now()
    const userId = await insertUser(db, 'sara')
    const session = sessionRow(userId)
    await db.insertInto('sessions').values(session).execute()
    const code = { userId, asker: session.id, channel: 'email', address: 'sara@example.com' } as const
    const hash = systemRandom.bytes(32)
    const expiresAt = after(now, minutes(2))
    await db
      .insertInto('challenges')
      .values({ ...code, id: newId(), purpose: 'verification', codeHash: hash, createdAt: now, expiresAt })
      .execute()
    const newcomer = { email: 'new@example.com', emailKey: 'new@example.com', firstName: '', lastName: '' }
    const waiting = { ...newcomer, id: newId(), asker: newId(), passwordHash: '$', codeHash: hash }
    await db
      .insertInto('pendingRegistrations')
      .values({ ...waiting, createdAt: now, expiresAt })
      .execute()
    const device = { id: newId(), userId, valueHash: hash, createdAt: now, lastUsedAt: now }
    await db.insertInto('devices').values(device).execute()
    await db.insertInto('signInFailures').values({ subject: 'hash', failures: 3, lastFailedAt: now }).execute()
    const sender = { ...world.config(), host: 'localhost' }
    const messages = createMessages({ secret, random: systemRandom, sender, wake: () => {} })
    const to = { channel: 'email', to: 'sara@example.com', userId, language: 'en' } as const
    await messages.enqueue(db, { kind: 'verification_code', ...to, code: '123456', expiresAt }, now)
    const facts = { signedInAt: now, ip: '192.0.2.1' }
    await messages.enqueue(db, { kind: 'refresh_token_reused', ...to, facts }, now)
    return { userId, kid: keys[0].kid }
  })
