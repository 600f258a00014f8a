import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createSoftPasskey } from '../../test/authenticator.ts'
import { change, move, undo, undoTokensTo, verifyPhone } from '../../test/changes.ts'
import { temporaryFolder } from '../../test/database.ts'
import {
  makeRecoveryCodes,
  readFactors,
  setTwoFactor,
  signInWithApp,
  verifiedUser,
  withApp,
} from '../../test/factors.ts'
import { changePassword, confirmReset, resetMail } from '../../test/passwords.ts'
import { register, signIn as signInByPasskey } from '../../test/passkeys.ts'
import { passByRecoveryCode, beginSignIn } from '../../test/second-step.ts'
import { signInCode, confirmCode } from '../../test/sign-in-codes.ts'
import { inDatabase, needsPostgres, stopPostgres } from '../../test/postgres.ts'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld, type World } from '../../test/world.ts'

afterAll(stopPostgres)

/** A whole life, so that the product asks everything it ever asks of the database. */
async function live(world: World): Promise<void> {
  const guest = await world.signedInUser()
  await world.signIn({ ...guest, password: 'Wrong-Horse-7' })
  await confirmReset(world, { token: (await resetMail(world, guest)).token })
  const user = await verifiedUser(world)
  await verifyPhone(world, user)
  await change(world, user, { phone_sign_in: true })
  const first = await world.call('POST', '/api/token/refresh/', { body: { refresh: user.refresh } })
  await world.call('POST', '/api/token/refresh/', { body: { refresh: first.body.refresh } })
  await world.call('POST', '/api/token/refresh/', { body: { refresh: user.refresh } })
  const again = { ...user, ...(await world.signIn(user)).body }
  const { secret } = await withApp(world, again)
  const passkey = createSoftPasskey()
  await register(world, again, passkey)
  await signInByPasskey(world, passkey)
  const { challenge, code } = await signInCode(world, again)
  await confirmCode(world, challenge, code, { device: 'new' })
  await setTwoFactor(world, again, true)
  const [recoveryCode] = (await makeRecoveryCodes(world, again)).body.recovery_codes
  await passByRecoveryCode(world, await beginSignIn(world, again), recoveryCode)
  const strong = await signInWithApp(world, again, secret, 1)
  for (const path of ['users/me', 'sessions', 'activity', 'factors', 'passkeys'])
    await world.call('GET', `/api/${path}/`, { token: strong.access })
  await readFactors(world, strong)
  await move(world, strong, { email: 'elsewhere@example.com' })
  await changePassword(world, strong)
  const [link] = await undoTokensTo(world, user.email)
  await undo(world, link)
  await world.call('DELETE', '/api/sessions/', { token: guest.access })
  await administer(world, user.email)
  const leaving = await world.signedInUser()
  await world.call('POST', '/api/logout/', { token: guest.access, body: { refresh: guest.refresh } })
  await world.call('DELETE', '/api/users/me/', { token: leaving.access })
}

/** Pages in every order, searches that find few, many and nobody, and the audit. */
async function administer(world: World, email: string): Promise<void> {
  const { access: token } = await world.admin()
  const orders = ['id', '-id', 'email', '-email'].flatMap((order) => [`ordering=${order}`, `ordering=${order}&cursor=`])
  const searches = ['', '&is_active=true', '&is_active=false', `&search=${email}`, '&search=e', '&search=nobody']
  const lists = orders.flatMap((order) => searches.map((search) => `users/?${order}${search}&limit=1&offset=1`))
  for (const path of [...lists, 'audit/?user=1', 'audit/?actor=system', 'audit/?event=signed_in']) {
    const { status, body } = await world.call('GET', `/api/${path}`, { token })
    expect(status).toBe(200)
    if (body.next) await world.call('GET', body.next.replace('http://localhost:8000', ''), { token })
  }
}

// What a limit within cut short; of one row, or of one for every four thousand users; and what waits to be worked off alone, by an index of nothing else.
const BOUNDED =
  /^SCAN (?:samples?|candidates)$|audit_checkpoints|sms_gate|user_counts|USING (?:COVERING )?INDEX (?:audit_events_unsealed|users_unverified|users_admins|users_deactivated|address_changes_ended)/

// In the order of an index, and no further than the page's end.
const isPage = (sql: string): boolean => /^select .* from "users" .*order by "(?:id|email_key)".* limit/.test(sql)

// The same rows on PostgreSQL; and the queue of messages, which is read in the order of its index.
const BOUNDED_ON_POSTGRES = /on (?:audit_checkpoints|sms_gate|user_counts|signing_keys|meta)\b/

const settings = { ...UNLIMITED, AUDIT_RETENTION: '7d', UNVERIFIED_ACCOUNT_LIFETIME: '7d' }

/** Every statement of a whole life, and of clearing away after it. */
async function askedOn(place: Record<string, string>): Promise<string[]> {
  const asked = new Set<string>()
  const world = await createWorld({
    settings: { ...settings, ...place },
    compose: { inMemory: false, beforeStatement: (sql) => void asked.add(sql) },
  })
  asked.clear() // what a start asks, once
  await live(world)
  world.latchkey.start()
  await vi.waitFor(() =>
    expect([...asked].filter((sql) => /^delete from "leases"|audit_checkpoints/.test(sql))).not.toEqual([]),
  )
  return [...asked].filter((sql) => /^(select|update|delete|insert|with)/i.test(sql))
}

describe('no request, and nothing that clears away, reads a whole table that grows', { timeout: 120_000 }, () => {
  it('on SQLite', async () => {
    const folder = temporaryFolder()
    const read = await askedOn({ DATA_DIR: folder })
    const file = new DatabaseSync(join(folder, 'latchkey.db'))
    onTestFinished(() => file.close())
    const planOf = (sql: string) =>
      file
        .prepare(`explain query plan ${sql}`)
        .all()
        .map((row) => String(row['detail']))
    const whole = read.flatMap((sql) =>
      planOf(sql)
        .filter((step) => /^SCAN (?!\d+-ROW)/.test(step) && !BOUNDED.test(step))
        .filter((step) => !(step.startsWith('SCAN users') && isPage(sql)))
        .map((step) => `${step}: ${sql}`),
    )
    expect(read.length).toBeGreaterThan(100)
    expect(whole).toEqual([])
  })

  it('on PostgreSQL', async (context) => {
    const DATABASE_URL = await (await needsPostgres(context)).create()
    const read = await askedOn({ DATABASE_URL, SECRET_KEY: 'a secret of this test, long enough' })
    const whole = await inDatabase(DATABASE_URL, async (db) => {
      // Tables are small here: what reads one whole does so only for want of an index.
      await sql`set enable_seqscan = off`.execute(db)
      const plans: string[] = []
      for (const text of read) {
        const { rows } = await sql<{ 'QUERY PLAN': string }>`explain (generic_plan) ${sql.raw(text)}`.execute(db)
        plans.push(...rows.map((row) => `${row['QUERY PLAN']}: ${text}`))
      }
      return plans.filter((step) => step.includes('Seq Scan') && !BOUNDED_ON_POSTGRES.test(step.split(':')[0]!))
    })
    expect(read.length).toBeGreaterThan(100)
    expect(whole).toEqual([])
  })
})
