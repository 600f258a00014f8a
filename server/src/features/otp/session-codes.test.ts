import { afterAll, describe, expect, it } from 'vitest'
import { accountDeps, CODE, codeSent } from '../../../test/account.ts'
import { insertUser, NOON, sessionRow } from '../../../test/database.ts'
import { DATABASES, twentyAtOnce } from '../../../test/databases.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { inTurn } from '../../../test/wire.ts'
import type { Database } from '../../database/schema.ts'
import { type CodeDeps, issue, type Proof, verify } from './service.ts'

afterAll(stopPostgres)

const WITHIN = { timeout: 60_000 }
const TO_SARA = { channel: 'email', address: 'sara@example.com', purpose: 'verification' } as const

/** A user, and codes that lock their channel at a hundred wrong ones. */
async function prepare(db: Database) {
  const deps = accountDeps(db)
  const codes: CodeDeps = { ...deps.codes, rules: { ...deps.codes.rules, lockAfter: 100 } }
  const userId = await insertUser(db, 'sara')
  const attempt = (db: Database, asker: string, code: string): Promise<Proof> =>
    verify(db, codes, { asker, purposes: ['verification'] }, code, NOON)
  return { codes, userId, attempt, newSession: async () => (await codeSent(deps, userId, TO_SARA)).sessionId }
}

const compared = (proofs: readonly Proof[]): number =>
  proofs.filter((proof) => proof.kind === 'wrong' && proof.tried.length > 0).length

describe.each(DATABASES)('a code of a session on %s', WITHIN, (_, open) => {
  // Guard: `where createdAt <= …` in `store.replace`.
  it('is sent once to twenty who ask at once, and the others wait for the cooldown', async (context) => {
    const db = await open(context)
    const { codes, userId } = await prepare(db)
    await inTurn(5, async () => {
      const binding = { userId, asker: sessionRow(userId).id, ...TO_SARA }
      const envelope = { to: TO_SARA.address, language: 'en', network: '192.0.2.1', isOwners: false } as const
      const kinds = (await twentyAtOnce(db, (db) => issue(db, codes, binding, envelope, NOON))).map(({ kind }) => kind)
      expect(kinds.filter((kind) => kind === 'sent')).toHaveLength(1)
      expect(kinds.filter((kind) => kind === 'cooldown')).toHaveLength(19)
    })
  })

  it('is compared with five wrong ones, one after another, and no right one after them', async (context) => {
    const db = await open(context)
    const { attempt, newSession } = await prepare(db)
    const session = await newSession()
    expect(compared(await inTurn(8, () => attempt(db, session, '100000')))).toBe(5)
    expect((await attempt(db, session, CODE)).kind).toBe('wrong')
  })

  // Guard: `where tries < …` in `store.takeTries`; seen failing (20 compared) without it.
  it('is compared with five of twenty wrong ones at once', async (context) => {
    const db = await open(context)
    const { attempt, newSession } = await prepare(db)
    await inTurn(5, async () => {
      const session = await newSession()
      expect(compared(await twentyAtOnce(db, (db) => attempt(db, session, '100000')))).toBe(5)
    })
  })

  // Guard: `countFailure` adds in one statement; read and then written, none or several would be the hundredth.
  it('locks its channel once, by the hundredth wrong one of twenty at once, for every session', async (context) => {
    const db = await open(context)
    const { attempt, newSession, userId } = await prepare(db)
    const counter = { userId, method: 'email', purpose: 'verification' } as const
    await db
      .insertInto('factorFailures')
      .values({ ...counter, failures: 85 })
      .execute()
    const sessions = await inTurn(20, newSession)
    const proofs = await twentyAtOnce(db, (db, index) => attempt(db, sessions[index]!, '100000'))
    expect(proofs.filter((proof) => proof.kind === 'wrong' && proof.locked.length > 0)).toHaveLength(1)
    expect(await db.selectFrom('factorFailures').selectAll().execute()).toEqual([{ ...counter, failures: 105 }])
    const late = await inTurn(20, (index) => attempt(db, sessions[index]!, CODE))
    expect(late.filter(({ kind }) => kind === 'right')).toEqual([])
  })
})
