import { expect, it } from 'vitest'
import { askForReset, confirmReset, NEW_PASSWORD, passwordMails } from '../../../test/passwords.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { sameButForItsId } from '../../../test/wire.ts'
import { type Answer, createWorld, ON_SQLITE, type World } from '../../../test/world.ts'
import { before, days } from '../../kernel/duration.ts'
import { backlog } from '../messages/service.ts'

/** A world that keeps every statement of the database from when it is told to. */
async function listeningWorld(): Promise<{
  world: World
  statementsOf: (act: () => Promise<Answer>) => Promise<Heard>
}> {
  let heard: string[] = []
  const world = await createWorld({
    settings: UNLIMITED,
    compose: { ...ON_SQLITE, beforeStatement: (sql) => void heard.push(sql) },
  })
  return {
    world,
    async statementsOf(act) {
      heard = []
      const answer = sameButForItsId(await act())
      return { answer, statements: [...heard] }
    },
  }
}

interface Heard {
  readonly answer: unknown
  readonly statements: readonly string[]
}

const count = async (world: World) => {
  const { db } = world.latchkey.foundation
  const rows = (table: 'passwordTokens' | 'passwordMails' | 'deliveries' | 'auditEvents') =>
    db.selectFrom(table).selectAll().execute()
  return [
    await rows('passwordTokens'),
    await rows('passwordMails'),
    await rows('deliveries'),
    await rows('auditEvents'),
  ].map(({ length }) => length)
}

async function deactivate(world: World, email: string): Promise<void> {
  const deactivatedAt = world.clock.now()
  await world.latchkey.foundation.db.updateTable('users').set({ deactivatedAt }).where('email', '=', email).execute()
}

it.each(['unknown', 'deactivated'])(
  'asking for a reset of an %s account does the same work, statement by statement, and answers the same',
  async (kind) => {
    const { world, statementsOf } = await listeningWorld()
    await world.signedInUser('known@example.com')
    if (kind === 'deactivated') await world.signedInUser('other@example.com')
    await deactivate(world, 'other@example.com')
    const first = await count(world)
    const known = await statementsOf(() => askForReset(world, 'known@example.com'))
    const between = await count(world)
    const other = await statementsOf(() => askForReset(world, 'other@example.com'))
    const after = await count(world)
    expect(other).toEqual(known)
    expect(known.statements.length).toBeGreaterThan(5)
    const grown = (from: number[], to: number[]) => to.map((rows, index) => rows - from[index]!)
    expect(grown(between, after)).toEqual(grown(first, between))
    expect(grown(first, between)).toEqual([1, 1, 1, 1])
    expect(await passwordMails(world, 'other@example.com')).toEqual([])
    // What was written for show is no message that failed.
    expect((await backlog(world.latchkey.foundation.db, before(world.clock.now(), days(1)))).dead).toEqual([])
    // Asked too soon again, both are silent alike.
    const again = await statementsOf(() => askForReset(world, 'known@example.com'))
    expect(await statementsOf(() => askForReset(world, 'other@example.com'))).toEqual(again)
  },
)

it('a wrong code does the same work whoever the address belongs to, and whether or not a mail is open', async () => {
  const { world, statementsOf } = await listeningWorld()
  await world.signedInUser('known@example.com')
  await world.signedInUser('asked@example.com')
  await askForReset(world, 'asked@example.com')
  const wrong = (email: string) => statementsOf(() => confirmReset(world, { email, code: 'AAAA-BBBB-CCCC' }))
  const known = await wrong('known@example.com')
  expect(known.answer).toMatchObject({ status: 400 })
  expect(await wrong('asked@example.com')).toEqual(known)
  expect(await wrong('nobody@example.com')).toEqual(known)
})

it('neither code nor token stands anywhere in the database or the log, nor does a stranger’s address', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const user = await world.signedInUser()
  await askForReset(world, 'stranger@example.com')
  await askForReset(world, user.email)
  const [mail] = await passwordMails(world, user.email)
  await confirmReset(world, { token: mail!.token })
  const { db } = world.latchkey.foundation
  const tables = ['passwordTokens', 'passwordMails', 'deliveries', 'auditEvents', 'users'] as const
  const rows = await Promise.all(tables.map((table) => db.selectFrom(table).selectAll().execute()))
  const kept = JSON.stringify(rows) + world.logged()
  const secrets = [mail!.token, mail!.code, mail!.code.replaceAll('-', ''), NEW_PASSWORD, 'stranger@example.com']
  for (const secret of secrets) expect(kept).not.toContain(secret)
})
