import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Insertable } from 'kysely'
import { onTestFinished } from 'vitest'
import { openDatabase, type OpenOptions } from '../src/database/open.ts'
import type { Database, DeliveriesTable, SessionsTable, UsersTable } from '../src/database/schema.ts'
import { days, after } from '../src/kernel/duration.ts'
import { systemRandom, uuidv7 } from '../src/kernel/random.ts'

export const NOON = new Date('2026-11-22T12:00:00.000Z')

/** A folder of this test's own, gone when it ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A database of this test's own, in memory unless told otherwise, closed when the test ends. */
export async function openForTest(options: Partial<OpenOptions> = {}): Promise<Database> {
  const opened = await openDatabase({ location: { kind: 'memory' }, ...options })
  onTestFinished(() => opened.close())
  return opened.db
}

export const newId = (): string => uuidv7(systemRandom, NOON)

/** A row of `users` whose address is `name`@example.com. */
export function userRow(name: string, fields: Partial<Insertable<UsersTable>> = {}): Insertable<UsersTable> {
  const email = `${name}@example.com`
  return { email, emailKey: email, passwordHash: '$', firstName: '', lastName: '', createdAt: NOON, ...fields }
}

export async function insertUser(
  db: Database,
  name: string,
  fields: Partial<Insertable<UsersTable>> = {},
): Promise<number> {
  const { id } = await db.insertInto('users').values(userRow(name, fields)).returning('id').executeTakeFirstOrThrow()
  return id
}

export function sessionRow(userId: number, fields: Partial<Insertable<SessionsTable>> = {}): Insertable<SessionsTable> {
  return {
    id: newId(),
    userId,
    rotatedAt: NOON,
    createdAt: NOON,
    authenticatedAt: NOON,
    lastUsedAt: NOON,
    idleExpiresAt: after(NOON, days(7)),
    expiresAt: after(NOON, days(30)),
    acr: 'aal1',
    amr: 'pwd',
    ip: '127.0.0.1',
    userAgent: '',
    ...fields,
  }
}

export function deliveryRow(fields: Partial<Insertable<DeliveriesTable>> = {}): Insertable<DeliveriesTable> {
  return {
    id: newId(),
    channel: 'email',
    template: 'code',
    sealed: systemRandom.bytes(40),
    deadline: after(NOON, days(1)),
    status: 'queued',
    nextAttemptAt: NOON,
    createdAt: NOON,
    ...fields,
  }
}
