import { describe, expect, it } from 'vitest'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { inTurn } from '../../../test/wire.ts'
import { createWorld, PASSWORD, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const signIn = (world: World, email: string, device: string) =>
  world.call('POST', '/api/token/', { body: { email, password: PASSWORD, device } })

const devices = (world: World) => world.latchkey.foundation.db.selectFrom('devices').selectAll().execute()

describe('a device', () => {
  it('is given a value when it asks for one, and a value of its own each time', async () => {
    const world = await createWorld()
    const { email } = await world.signedInUser()
    const [first, second] = [await signIn(world, email, 'new'), await signIn(world, email, 'new')]
    expect(first.text).toMatch(/^\{"refresh":"[^"]+","access":"[^"]+","email":"[^"]+","device":"[\w-]{43}"\}$/)
    expect(second.body.device).not.toBe(first.body.device)
  })

  it('is not told its value again, and an unknown value is no reason to refuse', async () => {
    const world = await createWorld()
    const { email } = await world.signedInUser()
    const { body } = await signIn(world, email, 'new')
    for (const device of [body.device, 'made-up']) {
      const answer = await signIn(world, email, device)
      expect([answer.status, Object.keys(answer.body)]).toEqual([200, ['refresh', 'access', 'email']])
    }
    expect(await devices(world)).toHaveLength(1)
  })

  it('is kept only as a hash', async () => {
    const world = await createWorld()
    const { email } = await world.signedInUser()
    const { device } = (await signIn(world, email, 'new')).body
    const [row] = await devices(world)
    expect(Buffer.from(row!.valueHash).equals(Buffer.from(device, 'base64url'))).toBe(false)
    expect(JSON.stringify(row)).not.toContain(device)
    expect(world.logged()).not.toContain(device)
  })

  it('is not made by a refused sign-in', async () => {
    const world = await createWorld()
    const { email } = await world.signedInUser()
    const body = { email, password: 'Wrong-Horse-7', device: 'new' }
    const answer = await world.call('POST', '/api/token/', { body })
    expect([answer.status, 'device' in answer.body]).toEqual([401, false])
    expect(await devices(world)).toEqual([])
  })

  it('leaves when fifty others were used since', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { email } = await world.signedInUser()
    await inTurn(50, () => {
      world.clock.turn(minutes(1))
      return signIn(world, email, 'new')
    })
    const [oldest, second] = await devices(world)
    world.clock.turn(minutes(1))
    await signIn(world, email, 'new')
    const left = (await devices(world)).map(({ id }) => id)
    expect(left).toHaveLength(50)
    expect([left.includes(oldest!.id), left.includes(second!.id)]).toEqual([false, true])
  }, 60_000)
})
