import { afterAll, describe, expect, it } from 'vitest'
import { DATABASES, twentyAtOnce } from '../../../test/databases.ts'
import { insertUser, NOON } from '../../../test/database.ts'
import { verifiedUser } from '../../../test/factors.ts'
import { partsOn } from '../../../test/parts.ts'
import { changePassword } from '../../../test/passwords.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { inTurn } from '../../../test/wire.ts'
import { createWorld, PASSWORD, type SignedIn, type World } from '../../../test/world.ts'
import { after, days } from '../../kernel/duration.ts'
import { findById } from '../users/service.ts'
import { notify } from '../messages/service.ts'

afterAll(stopPostgres)

const WITHIN = { timeout: 60_000 }
const VICTIM = 'victim@example.com'

const noticesTo = async (world: World) => (await world.inbox(VICTIM)).filter(({ code }) => code === undefined)

/** Each change is told by mail to the address on file. */
async function changeSixTimes(world: World, user: SignedIn): Promise<void> {
  await inTurn(6, async (time) => {
    const [from, to] = time % 2 === 0 ? [PASSWORD, 'Better-Horse-8'] : ['Better-Horse-8', PASSWORD]
    await changePassword(world, { ...user, password: from }, to)
  })
}

describe('what is told to an address that nobody has proven', () => {
  it('is ten mails a day, though account after account is made with it', WITHIN, async () => {
    const world = await createWorld({ settings: UNLIMITED })
    await inTurn(3, async () => {
      const user = await world.signedInUser(VICTIM)
      await changeSixTimes(world, user)
      expect(await world.call('DELETE', '/api/users/me/', { token: user.access })).toMatchObject({ status: 204 })
    })
    expect(await noticesTo(world)).toHaveLength(10)
  })

  it('takes nothing from what its owner is told, once it is proven', WITHIN, async () => {
    const world = await createWorld({ settings: UNLIMITED })
    await inTurn(2, async () => {
      const user = await world.signedInUser(VICTIM)
      await changeSixTimes(world, user)
      await world.call('DELETE', '/api/users/me/', { token: user.access })
    })
    const owner = await verifiedUser(world, VICTIM)
    const before = (await noticesTo(world)).length
    await changeSixTimes(world, owner)
    expect((await noticesTo(world)).length - before).toBe(6)
  })
})

// Guard: the limiter's one statement, by the address. Seen failing (20 told) where the user's notices alone are counted.
describe.each(DATABASES)('on %s', WITHIN, (_, open) => {
  it('of twenty kinds told at once to an address nobody has proven, ten are', async (context) => {
    const db = await open(context)
    const { messages } = (await partsOn(db)).sessions
    const user = (await findById(db, await insertUser(db, 'victim')))!
    await twentyAtOnce(db, (db, index) =>
      notify(
        db,
        { messages, defaultLanguage: 'en' },
        user,
        { kind: index % 2 ? 'totp_added' : 'totp_removed', facts: { ip: '' } },
        NOON,
      ),
    )
    expect(await db.selectFrom('deliveries').select('id').execute()).toHaveLength(10)
    await notify(
      db,
      { messages, defaultLanguage: 'en' },
      user,
      { kind: 'password_changed', facts: { ip: '' } },
      after(NOON, days(1)),
    )
    expect(await db.selectFrom('deliveries').select('id').execute()).toHaveLength(11)
  })
})
