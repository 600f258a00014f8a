import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CommandWorld, createCommandWorld } from '../../test/command.ts'
import { useInstallation } from '../../test/used-installation.ts'
import { SecretDiffers } from '../compose/foundation.ts'
import { rekey } from '../compose/rekey.ts'
import { unsealContent } from '../features/messages/content.ts'
import { KeysUnfit } from '../features/tokens/sealed-keys.ts'
import { systemRandom } from '../kernel/random.ts'

const newSecret = (): string => Buffer.from(systemRandom.bytes(32)).toString('base64')

/** All that is stored, in one text. */
const stored = (world: CommandWorld): Promise<string> =>
  world.inside(async ({ db }) =>
    JSON.stringify([
      await db.selectFrom('meta').selectAll().execute(),
      await db.selectFrom('sessions').selectAll().execute(),
      await db.selectFrom('challenges').selectAll().execute(),
      await db.selectFrom('devices').selectAll().execute(),
      await db.selectFrom('signInFailures').selectAll().execute(),
      await db.selectFrom('deliveries').selectAll().execute(),
    ]),
  )

/** The one transaction is that which moves the database. */
const crashAtBegin = (sql: string): void => {
  if (sql.startsWith('begin')) throw new Error('crash')
}

/** What must be so once everything is under the secret of the settings. */
async function expectMoved(world: CommandWorld, { kid, userId }: { kid: string; userId: number }): Promise<void> {
  await world.inside(async ({ db, secret, keys }) => {
    expect(keys.map((key) => key.kid)).toEqual([kid])
    const sessions = await db.selectFrom('sessions').select(['userId', 'endReason']).execute()
    expect(sessions).toEqual([{ userId, endReason: 'ended_by_operator' }])
    const [challenge] = await db.selectFrom('challenges').select('consumedAt').execute()
    expect(challenge?.consumedAt).toEqual(world.clock.now())
    expect(await db.selectFrom('pendingRegistrations').select('id').execute()).toEqual([])
    expect(await db.selectFrom('devices').select('id').execute()).toEqual([])
    expect(await db.selectFrom('signInFailures').select('subject').execute()).toEqual([])
    const [code, notice] = await db.selectFrom('deliveries').selectAll().orderBy('template', 'desc').execute()
    expect(code).toMatchObject({ status: 'dead', sealed: null, reason: 'its code is void: the secret was changed' })
    expect(notice?.status).toBe('queued')
    expect(unsealContent(secret, notice!.sealed!, notice!.id)?.text).toContain('192.0.2.1')
  })
}

describe('keys rekey', () => {
  it('tells before what will happen, changes nothing without --yes, and tells after what has', async () => {
    const world = createCommandWorld()
    const used = await useInstallation(world)
    const before = await stored(world)
    world.set({ SECRET_KEY: newSecret() })
    const plan = await world.type('keys rekey')
    expect(plan.code).toBe(1)
    expect(plan.out).toContain('Every session ends (1 live one)')
    expect(plan.out).toContain('Nothing was changed. To do it, add --yes.')
    world.set({ SECRET_KEY: undefined })
    expect(await stored(world)).toBe(before)

    world.set({ SECRET_KEY: newSecret() })
    const { code, json } = await world.type('keys rekey --yes --json')
    expect(code).toBe(0)
    expect(json).toEqual({
      carried_out: true,
      sessions: 1,
      codes: 2,
      password_tokens: 0,
      devices: 1,
      counters: 1,
      resealed: 1,
      given_up: 1,
      totps: 0,
      lost_totps: 0,
      audit_events: 0,
      audit_broken: null,
    })
    await expectMoved(world, used)
    expect((await world.type('keys rekey --yes')).err).toContain('already')
  })

  it('takes the old secret from standard input when SECRET_KEY was changed', async () => {
    const [old, next] = [newSecret(), newSecret()]
    const world = createCommandWorld({ SECRET_KEY: old })
    const used = await useInstallation(world)
    world.set({ SECRET_KEY: next })
    expect((await world.type('keys rekey --yes')).err).toContain('--old-secret-stdin')
    const wrong = await world.type('keys rekey --yes --old-secret-stdin', { standardInput: newSecret() })
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('None of the secrets known here') })
    const right = await world.type('keys rekey --yes --old-secret-stdin', { standardInput: `${old}\n` })
    expect(right.code).toBe(0)
    expect(right.out).not.toContain(old)
    await expectMoved(world, used)
  })

  it('makes the secret of the data folder when SECRET_KEY was removed, not before the old one proved right', async () => {
    const old = newSecret()
    const world = createCommandWorld({ SECRET_KEY: old })
    const used = await useInstallation(world)
    world.set({ SECRET_KEY: undefined })
    const file = join(world.dataDir, 'secret.key')
    await world.type('keys rekey --yes --old-secret-stdin', { standardInput: newSecret() })
    await world.type('keys rekey --old-secret-stdin', { standardInput: old })
    expect(existsSync(file)).toBe(false)
    expect((await world.type('keys rekey --yes --old-secret-stdin', { standardInput: old })).code).toBe(0)
    expect(existsSync(file)).toBe(true)
    await expectMoved(world, used)
  })

  it('replaces the secret of the data folder by a new one, the old file moved aside and given', async () => {
    const world = createCommandWorld()
    const used = await useInstallation(world)
    const file = join(world.dataDir, 'secret.key')
    const old = readFileSync(file, 'utf8')
    rmSync(file)
    expect((await world.type('keys rekey --yes --old-secret-stdin', { standardInput: old })).code).toBe(0)
    expect(readFileSync(file, 'utf8')).not.toBe(old)
    await expectMoved(world, used)
  })

  it('refuses while another process has the database open', async () => {
    const world = createCommandWorld()
    await world.inside(async () => {
      world.set({ SECRET_KEY: newSecret() })
      expect((await world.type('keys rekey --yes')).err).toContain('Stop every server')
    })
  })

  it('says that there is nothing to move where the database is all there is', async () => {
    const world = createCommandWorld({ SECRET_KEY: newSecret() })
    await world.type('migrate')
    expect(await world.type('keys rekey --yes')).toMatchObject({
      code: 1,
      err: expect.stringContaining('nothing to move'),
    })
  })
})

describe('keys rekey, broken off', () => {
  const asked = (world: CommandWorld, beforeStatement?: (sql: string) => void) =>
    rekey({
      config: world.config(),
      clock: world.clock,
      random: systemRandom,
      oldSecret: undefined,
      carryOut: true,
      ...(beforeStatement && { beforeStatement }),
    })

  // Fails when the fingerprint moves outside the transaction, or when the keys move only after it.
  it('before any of its statements, leaves the old secret good or is finished by another run', async () => {
    const template = createCommandWorld()
    const used = await useInstallation(template)
    const before = await stored(template)
    const secretKey = newSecret()
    let finished = false
    let unfinished = 0
    for (let fatal = 1; !finished; fatal++) {
      const world = createCommandWorld()
      cpSync(template.dataDir, world.dataDir, { recursive: true })
      world.set({ SECRET_KEY: secretKey })
      let count = 0
      const crash = () => {
        if (++count === fatal) throw new Error('crash')
      }
      finished = await asked(world, crash).then(
        () => true,
        () => false,
      )
      if (!finished) {
        await expect(world.inside(async () => {})).rejects.toThrow(SecretDiffers)
        world.set({ SECRET_KEY: undefined })
        const asBefore = await stored(world).catch((error: unknown) => error)
        if (asBefore instanceof KeysUnfit) unfinished += 1
        else expect(asBefore).toBe(before)
        world.set({ SECRET_KEY: secretKey })
        expect((await asked(world)).kind).toBe('done')
      }
      await expectMoved(world, used)
    }
    expect(unfinished).toBeGreaterThan(0)
  })

  it('between keys and database, can be turned back as well', async () => {
    const world = createCommandWorld()
    await useInstallation(world)
    const before = await stored(world)
    const secretKey = newSecret()
    world.set({ SECRET_KEY: secretKey })
    await asked(world, crashAtBegin).catch(() => undefined)
    world.set({ SECRET_KEY: undefined })
    await expect(world.inside(async () => {})).rejects.toThrow(KeysUnfit)
    expect((await world.type('keys rekey --yes --old-secret-stdin', { standardInput: secretKey })).code).toBe(0)
    expect(await stored(world)).toBe(before)
  })

  it('between making the new secret and using it, takes the one made', async () => {
    const old = newSecret()
    const world = createCommandWorld({ SECRET_KEY: old })
    const used = await useInstallation(world)
    world.set({ SECRET_KEY: undefined })
    const draft = join(world.dataDir, 'keys.json.tmp')
    mkdirSync(draft)
    const typed = () => world.type('keys rekey --yes --old-secret-stdin', { standardInput: old })
    expect((await typed()).code).toBe(1)
    const made = readFileSync(join(world.dataDir, 'secret.key'), 'utf8')
    rmSync(draft, { recursive: true })
    expect((await typed()).code).toBe(0)
    expect(readFileSync(join(world.dataDir, 'secret.key'), 'utf8')).toBe(made)
    await expectMoved(world, used)
  })
})
