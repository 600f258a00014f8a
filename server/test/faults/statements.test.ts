import { describe, expect, it } from 'vitest'
import { minutes } from '../../src/kernel/duration.ts'
import { type Answer, createWorld, type World } from '../world.ts'
import { ACCOUNT_OPERATIONS } from './account-operations.ts'
import { dump, fallenCounters, shapeOf } from './dump.ts'
import { FACTOR_OPERATIONS } from './factor-operations.ts'
import { NEUTRAL_OPERATIONS } from './neutral-operations.ts'
import { operation } from './operation.ts'
import { SESSION_OPERATIONS } from './session-operations.ts'

/** A world whose database fails at the n-th statement of the operation from when it is armed. */
async function breakableWorld(
  settings: Readonly<Record<string, string>>,
): Promise<{ world: World; arm: (n: number) => void; disarm: () => number }> {
  let count = 0
  let failing = 0
  const world = await createWorld({
    settings: {
      THROTTLE_ANON: 'off',
      THROTTLE_REGISTER: 'off',
      THROTTLE_LOGIN: '1000000/min',
      THROTTLE_OTP_SEND: 'off',
      THROTTLE_RESET: 'off',
      ...settings,
    },
    compose: {
      beforeStatement() {
        if (operation.getStore() && ++count === failing)
          throw Object.assign(new Error('disk I/O error'), { errcode: 10 })
      },
    },
  })
  const set = (n: number): number => {
    const seen = count
    count = 0
    failing = n
    return seen
  }
  return { world, arm: set, disarm: () => set(0) }
}

const EVERY_OPERATION = [...SESSION_OPERATIONS, ...FACTOR_OPERATIONS, ...ACCOUNT_OPERATIONS, ...NEUTRAL_OPERATIONS]

describe.each(EVERY_OPERATION)('$name', ({ success, settings = {}, prepare, firstStep, forgetsFailures }) => {
  // Take the transaction away around what an operation writes, and the statement after its first write tells.
  it('is done whole or not at all, and works at the next try, whichever of its statements fails', async () => {
    const { world, arm, disarm } = await breakableWorld(settings)
    const { db } = world.latchkey.foundation
    const clean = await prepare(world)
    const pristine = await dump(db)
    disarm()
    expect((await operation.run(true, clean)).status).toBe(success)
    const statements = disarm()
    const whole = shapeOf(pristine, await dump(db))
    expect(statements).toBeGreaterThan(1)

    for (let n = 1; n <= statements; n++) {
      const act = await prepare(world)
      const before = await dump(db)
      arm(n)
      const broken = await operation.run(true, act)
      disarm()
      const after = await dump(db)
      const shape = shapeOf(before, after)
      expect([broken.status, broken.body.code], `statement ${n} of ${statements}`).toEqual([500, 'internal_error'])
      expect(broken.text).not.toMatch(/disk|select|update|insert/i)
      expect([[], firstStep ?? [], whole], `statement ${n} left it half done`).toContainEqual(shape)
      if (!forgetsFailures) expect(fallenCounters(before, after)).toEqual([])
      await expectWorksNow(act, success, n)
      world.clock.turn(minutes(3))
    }
  }, 60_000)
})

async function expectWorksNow(act: () => Promise<Answer>, success: number, n: number): Promise<void> {
  const again = await act()
  expect(again.status, `the next try after statement ${n} failed: ${again.text}`).toBe(success)
}
