import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import type { Database } from '../../src/database/schema.ts'
import { forgetProofs } from '../../src/features/sessions/service.ts'
import { lockUser, update } from '../../src/features/users/service.ts'
import { seconds } from '../../src/kernel/duration.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { openPostgres } from '../databases.ts'
import { apiOn } from '../parts.ts'
import { stopPostgres } from '../postgres.ts'
import { UNLIMITED } from '../unlimited.ts'
import { type Api, askedOf, PASSWORD } from './api.ts'

afterAll(stopPostgres)

const EMAIL = 'sara@example.com'

interface Sara {
  readonly api: Api
  readonly id: number
  readonly access: string
  /** Rotated out long ago: whoever shows it ends the session. */
  readonly reused: string
}

/** Somebody signed in, on PostgreSQL, whose address is verified. */
async function sara(db: Database): Promise<Sara> {
  const { app, options } = await apiOn(db, { settings: UNLIMITED, random: systemRandom, log: () => {} })
  const api = askedOf(app)
  const { body: user } = await api('POST', '/api/users/', { body: { email: EMAIL, password: PASSWORD } })
  await update(db, user.id, { emailVerifiedAt: options.clock.now(), firstSignedInAt: options.clock.now() })
  const { body: first } = await api('POST', '/api/token/', { body: { email: EMAIL, password: PASSWORD } })
  const rotated = async (refresh: string) => (await api('POST', '/api/token/refresh/', { body: { refresh } })).body
  const second = await rotated(first.refresh)
  const third = await rotated(second.refresh)
  options.clock.turn(seconds(90))
  return { api, id: user.id, access: third.access, reused: first.refresh }
}

/** Does `first` in a transaction that holds her, asks meanwhile, and then does `last`. */
async function meanwhile(
  db: Database,
  { id }: Sara,
  first: (db: Database) => Promise<unknown>,
  ask: () => ReturnType<Api>,
  last: (db: Database) => Promise<unknown> = async () => {},
): Promise<number> {
  const isHeld = Promise.withResolvers<void>()
  const other = db.transaction().execute(async (db) => {
    await lockUser(db, id)
    await first(db)
    isHeld.resolve()
    await sleep(200) // for whoever does not wait for this transaction to end
    await last(db)
  })
  await isHeld.promise
  const [{ status }] = await Promise.all([ask(), other])
  return status
}

const deletion =
  ({ id }: Sara) =>
  (db: Database) =>
    db.deleteFrom('users').where('id', '=', id).execute()

// Guards: `lockUser` where the row is written that refers to her. Seen failing (a foreign key, 500) without each.
it.for([
  [
    'asks for a code',
    401,
    ({ api, access: token }: Sara) => api('POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } }),
  ],
  ['asks to sign in by a code', 202, ({ api }: Sara) => api('POST', '/api/token/code/', { body: { email: EMAIL } })],
  ['asks for a new password', 202, ({ api }: Sara) => api('POST', '/api/password/reset/', { body: { email: EMAIL } })],
] as const)('who is deleted while she %s is gone: %i', async ([, status, ask], context) => {
  const db = await openPostgres(context)
  const user = await sara(db)
  expect(await meanwhile(db, user, deletion(user), () => ask(user))).toBe(status)
  expect(await db.selectFrom('users').select('id').execute()).toEqual([])
})

// Guard: that `takenNotice` refers to no user. Seen failing (a foreign key, 500) where it names the holder.
it('who is deleted while a stranger registers with her address is gone, and he is answered as ever', async (context) => {
  const db = await openPostgres(context)
  const user = await sara(db)
  const settings = { ...UNLIMITED, REGISTRATION: 'neutral' }
  const { app } = await apiOn(db, { settings, random: systemRandom, log: () => {} })
  const ask = () => askedOf(app)('POST', '/api/users/', { body: { email: EMAIL, password: PASSWORD } })
  expect(await meanwhile(db, user, deletion(user), ask)).toBe(202)
  expect(await db.selectFrom('users').select('id').execute()).toEqual([])
})

// Guard: `lockUser` before `store.end` in sessions/service.ts. Seen failing (a deadlock, 500) without it.
it('a token used again while her address changes ends its session, and neither waits for the other', async (context) => {
  const db = await openPostgres(context)
  const user = await sara(db)
  const move = (db: Database) => update(db, user.id, { emailKey: 'moved@example.com' })
  const ask = () => user.api('POST', '/api/token/refresh/', { body: { refresh: user.reused } })
  expect(await meanwhile(db, user, move, ask, (db) => forgetProofs(db, user.id, 'email'))).toBe(401)
  const [session] = await db.selectFrom('sessions').select('endReason').execute()
  expect(session?.endReason).toBe('refresh_token_reused')
})
