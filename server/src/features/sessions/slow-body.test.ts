import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { verifiedUser, withApp, withTwoFactors } from '../../../test/factors.ts'
import { createWorld, type World } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

interface Slow {
  readonly method: 'POST' | 'PATCH'
  readonly path: string
  readonly token: string
  readonly body: object
}

/** Sends the head of a request, and its body only after something else has happened. */
async function slowly(world: World, { method, path, token, body }: Slow, meanwhile: () => Promise<unknown>) {
  async function* parts() {
    world.clock.turn(seconds(5))
    await meanwhile()
    yield JSON.stringify(body)
  }
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}`, host: 'localhost:8000' }
  return world.latchkey.app.inject({ method, url: path, headers, payload: Readable.from(parts()) })
}

describe('a body that comes after its session ended', () => {
  it('changes nothing, however early its head was sent', async () => {
    const world = await createWorld()
    const sara = await verifiedUser(world)
    const elsewhere = (await world.signIn(sara)).body
    const asked = {
      method: 'PATCH',
      path: '/api/users/me/',
      token: elsewhere.access,
      body: { first_name: 'Eve' },
    } as const
    const answer = await slowly(world, asked, () => world.call('DELETE', '/api/sessions/', { token: sara.access }))
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'token_not_valid'])
    expect((await world.call('GET', '/api/users/me/', { token: sara.access })).body.first_name).toBe('')
  })

  it('is taken while the session lives', async () => {
    const world = await createWorld()
    const sara = await verifiedUser(world)
    const asked = { method: 'PATCH', path: '/api/users/me/', token: sara.access, body: { first_name: 'Sara' } } as const
    expect((await slowly(world, asked, async () => undefined)).statusCode).toBe(200)
  })

  it('opens nothing once its sign-in was given up', async () => {
    const world = await createWorld()
    const sara = await verifiedUser(world)
    await withApp(world, sara)
    const [code] = await withTwoFactors(world, sara)
    world.clock.turn(minutes(1))
    const { access: token, refresh } = (await world.signIn(sara)).body
    const asked = { method: 'POST', path: '/api/recovery-codes/verify/', token, body: { code } } as const
    const answer = await slowly(world, asked, () => world.call('POST', '/api/logout/', { token, body: { refresh } }))
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'token_not_valid'])
  })

  it('is an admin’s no more once he is none', async () => {
    const world = await createWorld()
    const [first, second] = [await world.admin(), await world.admin()]
    const body = { email: 'guest@example.com' }
    const asked = { method: 'POST', path: '/api/admin/users/', token: second.access, body } as const
    const revoke = () =>
      world.call('PATCH', `/api/admin/users/${second.id}/`, { token: first.access, body: { is_admin: false } })
    expect((await slowly(world, asked, revoke)).statusCode).toBe(403)
  })
})
