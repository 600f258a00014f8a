import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { recordEvents, sealerOf } from '../../test/audit.ts'
import { type CommandWorld, createCommandWorld } from '../../test/command.ts'
import { after, days } from '../kernel/duration.ts'
import { newId, NOON } from '../../test/database.ts'
import { useInstallation } from '../../test/used-installation.ts'
import { proveChain, removeOld } from '../features/audit/service.ts'
import { sealDue } from '../features/audit/sealer.ts'
import { systemRandom } from '../kernel/random.ts'
import { seal, unseal } from '../kernel/secret.ts'

const newSecret = (): string => Buffer.from(systemRandom.bytes(32)).toString('base64')

/** One on whose record twelve events stand, five of them removed by retention, two not sealed. */
async function usedWorld(): Promise<CommandWorld> {
  const world = createCommandWorld()
  await useInstallation(world)
  await world.inside(async ({ db, secret }) => {
    const sealNow = () => sealDue(db, sealerOf({ secret }))
    await recordEvents(db, 5)
    await sealNow()
    const later = after(NOON, days(1))
    await recordEvents(db, 5, later)
    await sealNow()
    await recordEvents(db, 2, later)
    await removeOld(db, { secret, holder: 'this process' }, later, later)
  })
  return world
}

async function rekey(world: CommandWorld) {
  world.set({ SECRET_KEY: newSecret() })
  return world.type('keys rekey --yes --json')
}

const proven = (world: CommandWorld) => world.inside(({ db, secret }) => proveChain(db, secret))

const secretChanged = (world: CommandWorld) =>
  world.inside(async ({ db }) => {
    const event = await db
      .selectFrom('auditEvents')
      .selectAll()
      .where('type', '=', 'secret_changed')
      .executeTakeFirstOrThrow()
    expect(event).toMatchObject({ actor: 'operator', userId: null, number: null })
    return JSON.parse(event.details) as unknown
  })

it('a change of the secret takes the chain with it, its checkpoint and its numbers', async () => {
  const world = await usedWorld()
  const before = await proven(world)
  const { code, json } = await rekey(world)
  expect([code, json.audit_events, json.audit_broken]).toEqual([0, 5, null])
  expect(await proven(world)).toMatchObject({ checkpoint: 5, proven: 5, last: { number: 10 }, unsealed: 3 })
  const mac = Buffer.from(before.last.mac).toString('hex')
  expect(await secretChanged(world)).toEqual({ chain: 'intact', last_number: 10, last_mac: mac })
  await world.inside(({ db, secret }) => sealDue(db, sealerOf({ secret })))
  expect(await proven(world)).toMatchObject({ proven: 8, unsealed: 0 })
})

it.each([
  ['update audit_events set user_id = 6 where number = 7', 7, 'changed', 5],
  ['delete from audit_events where number = 7', 7, 'missing', 4],
  ['update audit_events set number = 2 where number = 7', 2, 'out_of_place', 4],
  ['update audit_checkpoints set number = 4', 4, 'checkpoint_signature', 5],
])('a chain that was broken by %s is told of loudly, and made anew', async (statement, number, flaw, events) => {
  const world = await usedWorld()
  await world.inside(({ db }) => sql.raw(statement).execute(db))
  const secretKey = newSecret()
  world.set({ SECRET_KEY: secretKey })
  const { code, out } = await world.type('keys rekey --yes')
  expect(code).toBe(0)
  expect(out).toContain(`THE AUDIT WAS BROKEN BEFORE, at number ${number} (${flaw})`)
  expect(await secretChanged(world)).toEqual({ chain: 'broken', broken_at: number, flaw })
  const proof = await proven(world)
  expect(proof).toMatchObject({ proven: events })
  expect(proof).not.toHaveProperty('broken')
})

it('authenticator apps go on under the new secret; mails to set a password do not', async () => {
  const world = createCommandWorld()
  const { userId } = await useInstallation(world)
  const app = { id: newId(), userId, createdAt: NOON, confirmedAt: NOON }
  const plain = systemRandom.bytes(20)
  await world.inside(async ({ db, secret }) => {
    const sealedSecret = seal(secret.key('totp-secret'), plain, app.id, systemRandom)
    await db
      .insertInto('totps')
      .values({ ...app, sealedSecret })
      .execute()
    const subject = 'hash'
    const token = {
      purpose: 'reset' as const,
      subject,
      codeHash: plain,
      linkHash: plain,
      expiresAt: after(NOON, days(1)),
    }
    await db
      .insertInto('passwordTokens')
      .values({ ...token, id: newId(), userId, createdAt: NOON })
      .execute()
  })
  const { json } = await rekey(world)
  expect(json).toMatchObject({ totps: 1, lost_totps: 0, password_tokens: 1 })
  await world.inside(async ({ db, secret }) => {
    const { sealedSecret } = await db.selectFrom('totps').selectAll().executeTakeFirstOrThrow()
    expect(unseal(secret.key('totp-secret'), sealedSecret, app.id)).toEqual(plain)
    expect(await db.selectFrom('passwordTokens').select('id').execute()).toEqual([])
  })
})
