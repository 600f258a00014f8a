import { expect, it } from 'vitest'
import { codeFor, RIGHT, said, sendCode, verifyCode, WRONG } from '../../../test/codes.ts'
import { createSharedWorld } from '../../../test/other-process.ts'
import { minutes } from '../../kernel/duration.ts'

// Guard: `where createdAt <= …` in `store.replace`. Seen failing (200 and a second mail) without it.
it('sends nothing when another server sent that code between the question and the answer', async () => {
  const { world, strike } = await createSharedWorld()
  const user = await world.signedInUser()
  const code = await codeFor(world, user)
  world.clock.turn(minutes(1))
  strike("update challenges set created_at = '2026-11-22T09:01:00.000Z'")
  const answer = await sendCode(world, user)
  expect([answer.status, answer.headers['retry-after']]).toEqual([429, '60'])
  expect(await world.inbox(user.email)).toHaveLength(1)
  expect(said(await verifyCode(world, user, code))).toEqual(RIGHT)
})

it('takes no code that another server used up, or whose tries it spent, at that moment', async () => {
  const { world, strike } = await createSharedWorld()
  for (const sql of ['consumed_at = created_at', 'tries = 5']) {
    const user = await world.signedInUser()
    const code = await codeFor(world, user)
    strike(`update challenges set ${sql}`)
    expect(said(await verifyCode(world, user, code))).toEqual(WRONG)
  }
})
