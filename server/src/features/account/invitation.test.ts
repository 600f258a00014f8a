import { beforeEach, describe, expect, it } from 'vitest'
import { recordedOf } from '../../../test/factors.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, statuses } from '../../../test/wire.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'

let world: World
let admin: SignedIn

beforeEach(async () => {
  world = await createWorld({ settings: UNLIMITED })
  admin = await world.admin()
})

const invite = (body: object) => world.call('POST', '/api/admin/users/', { token: admin.access, body })

describe('an invitation', () => {
  it('makes an account without a password and mails its owner, in his language, how to set one', async () => {
    const body = { email: 'Sara@Example.com', first_name: 'سارا', last_name: 'کریمی', language: 'fa' }
    const { status, headers, body: summary } = await invite(body)
    expect(status).toBe(201)
    expect(summary).toEqual({
      url: `http://localhost:8000/api/users/${summary.id}/`,
      email: 'Sara@Example.com',
      id: summary.id,
      first_name: 'سارا',
      last_name: 'کریمی',
    })
    expect(headers['location']).toBe(summary.url)
    const [mail] = await world.inbox('Sara@Example.com')
    expect(mail?.html).toContain('dir="rtl"')
    expect((await world.call('GET', `/api/admin/users/${summary.id}/`, { token: admin.access })).body).toMatchObject({
      is_active: true,
      is_verified: false,
    })
    const { db } = world.latchkey.foundation
    expect(await db.selectFrom('users').select('passwordHash').where('id', '=', summary.id).executeTakeFirst()).toEqual(
      {
        passwordHash: '!',
      },
    )
    expect(await recordedOf(world, summary.id, ['invited', 'registered'])).toEqual(['invited: success'])
  })

  it('is refused like a registration where the address is taken or is none, and sends nothing', async () => {
    const user = await world.signedInUser()
    const taken = await invite({ email: user.email.toUpperCase(), first_name: 7 })
    expect([taken.status, taken.body.email, taken.body.first_name]).toEqual([
      400,
      ['user with this email already exists.'],
      ['Not a valid string.'],
    ])
    expect((await invite({})).body.email).toEqual(['This field is required.'])
    expect(await world.inbox(user.email)).toEqual([])
  })

  it('goes to one of twenty at once', async () => {
    expect(statuses(await atOnce(20, () => invite({ email: 'sara@example.com' })))).toEqual({
      201: 1,
      400: 19,
    })
    expect(await world.inbox('sara@example.com')).toHaveLength(1)
  })
})
