import { afterAll, describe, expect, it } from 'vitest'
import { insertUser, NOON } from '../../../test/database.ts'
import { DATABASES, twentyAtOnce } from '../../../test/databases.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { newSecret } from '../../../test/tokens.ts'
import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import { after, seconds } from '../../kernel/duration.ts'
import { systemRandom } from '../../kernel/random.ts'
import { createAudit } from '../audit/service.ts'
import { createMessages } from '../messages/service.ts'
import { findById } from '../users/service.ts'
import {
  makeRecoveryCodes,
  type RecoveryCodeDeps,
  recoveryCodesLeft,
  removeRecoveryCodes,
  takeRecoveryCode,
} from './service.ts'

afterAll(stopPostgres)

const LOCK_AFTER = 100

const ACT: Act = { actor: { kind: 'anonymous' }, ip: '192.0.2.7', userAgent: '', requestId: 'one' }

const depsWith = (rules: RecoveryCodeDeps['rules'] = { lockAfter: LOCK_AFTER }): RecoveryCodeDeps => ({
  random: systemRandom,
  audit: createAudit({ random: systemRandom }),
  messages: createMessages({
    secret: newSecret(),
    random: systemRandom,
    sender: { productName: 'Latchkey', host: 'localhost', timeZone: 'UTC' },
    wake: () => {},
  }),
  defaultLanguage: 'en',
  rules,
})

async function withCodes(db: Database, deps: RecoveryCodeDeps, name = 'ana') {
  const user = (await findById(db, await insertUser(db, name)))!
  const make = () => db.transaction().execute((db) => makeRecoveryCodes(db, deps, user, ACT, NOON))
  const codes = await make()
  const take = (code: string, purpose = 'second_factor') =>
    db.transaction().execute((db) => takeRecoveryCode(db, deps, { user, purpose }, code, ACT, NOON))
  return { user, codes, make, take }
}

const eventsOf = async (db: Database) =>
  (await db.selectFrom('auditEvents').select(['type', 'result', 'details']).orderBy('type').execute()).map((event) => ({
    ...event,
    details: JSON.parse(event.details) as unknown,
  }))

describe.each(DATABASES)('recovery codes on %s', (_, open) => {
  it('are ten different ones of 80 bits', async (context) => {
    const db = await open(context)
    const { user, codes } = await withCodes(db, depsWith())
    expect(new Set(codes).size).toBe(10)
    for (const code of codes) expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/)
    expect(await recoveryCodesLeft(db, user.id)).toBe(10)
  })

  it('are good once each, for their owner alone, and the rest is counted', async (context) => {
    const db = await open(context)
    const deps = depsWith()
    const ana = await withCodes(db, deps)
    const bo = await withCodes(db, deps, 'bo')
    expect(await bo.take(ana.codes[0]!)).toEqual({ kind: 'wrong' })
    expect(await ana.take(ana.codes[0]!)).toEqual({ kind: 'right', left: 9 })
    expect(await ana.take(ana.codes[0]!)).toEqual({ kind: 'wrong' })
    expect(await ana.take(ana.codes[9]!, 'reauthentication')).toEqual({ kind: 'right', left: 8 })
  })

  it('are read as people type them', async (context) => {
    const db = await open(context)
    const { codes, take } = await withCodes(db, depsWith())
    const typed = codes[0]!.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')
    expect(await take(` ${typed}\n`)).toEqual({ kind: 'right', left: 9 })
    for (const nonsense of ['', '123456', 'U'.repeat(16), `${codes[1]!}X`]) {
      expect(await take(nonsense)).toEqual({ kind: 'wrong' })
    }
  })

  it('are void once new ones are made', async (context) => {
    const db = await open(context)
    const { user, codes, make, take } = await withCodes(db, depsWith())
    const [first] = await make()
    expect(await take(codes[0]!)).toEqual({ kind: 'wrong' })
    expect(await take(first!)).toEqual({ kind: 'right', left: 9 })
    expect(await removeRecoveryCodes(db, user.id, after(NOON, seconds(1)))).toBe(0)
    expect(await removeRecoveryCodes(db, user.id)).toBe(9)
    expect(await recoveryCodesLeft(db, user.id)).toBe(0)
  })

  // Guard: `usedAt is null` in `store.take`. Seen failing (20 right) without it.
  it('are taken once by twenty at once, in every round', async (context) => {
    const db = await open(context)
    const deps = depsWith({ lockAfter: undefined })
    const { user, codes } = await withCodes(db, deps)
    for (const [round, code] of codes.entries()) {
      const tries = await twentyAtOnce(db, (db, index) =>
        takeRecoveryCode(db, deps, { user, purpose: `purpose ${index}` }, code, ACT, NOON),
      )
      expect(tries.filter(({ kind }) => kind === 'right')).toEqual([{ kind: 'right', left: 9 - round }])
    }
  })

  // Guard: `lockUser` in `makeRecoveryCodes`. Seen failing on PostgreSQL (more than ten left) without it.
  it('are ten, however often they are made at once', async (context) => {
    const db = await open(context)
    const deps = depsWith()
    const { user, take } = await withCodes(db, deps)
    const made = await twentyAtOnce(db, (db) => makeRecoveryCodes(db, deps, user, ACT, NOON))
    expect(await recoveryCodesLeft(db, user.id)).toBe(10)
    const tries = await Promise.all(made.map(([first]) => take(first!)))
    expect(tries.filter(({ kind }) => kind === 'right')).toHaveLength(1)
  })

  it('are locked by a hundred wrong ones in a row for that purpose alone', async (context) => {
    const db = await open(context)
    const { codes, take } = await withCodes(db, depsWith())
    for (let count = 0; count < LOCK_AFTER; count++) expect(await take('0000')).toEqual({ kind: 'wrong' })
    expect(await take(codes[0]!)).toEqual({ kind: 'locked' })
    expect(await take(codes[0]!, 'reauthentication')).toEqual({ kind: 'right', left: 9 })
  })

  it('are counted from nought after a right one, and never locked where no number is given', async (context) => {
    const db = await open(context)
    const { codes, take } = await withCodes(db, depsWith({ lockAfter: 3 }))
    for (const code of codes.slice(0, 3)) {
      await take('0000')
      await take('0000')
      expect(await take(code)).toMatchObject({ kind: 'right' })
    }
    const bo = await withCodes(db, depsWith({ lockAfter: undefined }), 'bo')
    for (let count = 0; count <= LOCK_AFTER; count++) await bo.take('0000')
    expect(await bo.take(bo.codes[0]!)).toMatchObject({ kind: 'right' })
  })

  it('lie hashed, and their use is put on record and told', async (context) => {
    const db = await open(context)
    const { user, codes, take } = await withCodes(db, depsWith())
    await take(codes[0]!)
    const rows = await db.selectFrom('recoveryCodes').selectAll().execute()
    const stored = JSON.stringify([rows, await db.selectFrom('auditEvents').selectAll().execute()])
    const bytes = rows.map(({ codeHash }) => Buffer.from(codeHash).toString('latin1')).join()
    for (const code of codes) {
      for (const form of [code, code.replaceAll('-', '')]) {
        expect(stored).not.toContain(form)
        expect(bytes).not.toContain(form)
      }
    }
    expect(await eventsOf(db)).toEqual([
      { type: 'recovery_code_used', result: 'success', details: { purpose: 'second_factor', left: 9 } },
      { type: 'recovery_codes_made', result: 'success', details: { count: 10 } },
    ])
    const deliveries = await db.selectFrom('deliveries').select(['template', 'userId']).execute()
    expect(deliveries).toEqual([{ template: 'recovery_code_used', userId: user.id }])
  })
})
