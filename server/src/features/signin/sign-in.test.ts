import { hash } from '@node-rs/argon2'
import { describe, expect, it } from 'vitest'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { hashesOf, readToken, sameButForItsId, until } from '../../../test/wire.ts'
import { createWorld, PASSWORD, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const REFUSED = 'No active account found with the given credentials'

const token = (world: World, body: unknown, headers: Record<string, string> = {}) =>
  world.call('POST', '/api/token/', { body, headers })

const setUser = (world: World, id: number, changes: { deactivatedAt?: Date; passwordHash?: string }) =>
  world.latchkey.foundation.db.updateTable('users').set(changes).where('id', '=', id).execute()

describe('signing in', () => {
  it('answers refresh, access and the e-mail as stored, in this order and nothing else', async () => {
    const world = await createWorld()
    await world.signedInUser('Sara@Example.com')
    const answer = await token(world, { email: 'sara@example.com', password: PASSWORD, remember: true })
    expect(answer.status).toBe(200)
    expect(answer.text).toMatch(/^\{"refresh":"[\w.-]+","access":"[\w.-]+","email":"Sara@Example\.com"\}$/)
    expect(answer.headers['content-type']).toBe('application/json')
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  it('finds the account whatever the case of the address, the spaces around it and the spelling of its domain', async () => {
    const world = await createWorld()
    await world.signedInUser('Sara@bücher.example')
    for (const email of ['sara@bücher.example', ' SARA@BÜCHER.EXAMPLE\n', 'sara@xn--bcher-kva.example']) {
      const answer = await token(world, { email, password: PASSWORD })
      expect([answer.status, answer.body.email]).toEqual([200, 'Sara@bücher.example'])
    }
  })

  it('takes a password as it is but for the way its letters are composed', async () => {
    const world = await createWorld()
    const composed = ' Gr\u00fc\u00dfe-aus-K\u00f6ln '
    await world.call('POST', '/api/users/', { body: { email: 'k@example.com', password: composed } })
    const statusOf = async (password: string) => (await token(world, { email: 'k@example.com', password })).status
    expect(await statusOf(composed.normalize('NFD'))).toBe(200)
    expect(await statusOf(composed.trim())).toBe(401)
    expect(await statusOf(composed.toLowerCase())).toBe(401)
  })

  it('ignores a bad bearer token, and a good one', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    for (const authorization of ['Bearer junk', 'Bearer', 'Bearer a b', 'Basic x', `Bearer ${user.access}`]) {
      const answer = await token(world, { email: user.email, password: PASSWORD }, { authorization })
      expect(answer.status, authorization).toBe(200)
    }
  })

  it.each([
    [{}, { email: ['This field is required.'], password: ['This field is required.'] }],
    [
      { email: '', password: '' },
      { email: ['This field may not be blank.'], password: ['This field may not be blank.'] },
    ],
    [{ email: ' ', password: ' ' }, { email: ['This field may not be blank.'] }],
    [
      { email: null, password: null },
      { email: ['This field may not be null.'], password: ['This field may not be null.'] },
    ],
    [
      { email: 1, password: true },
      { email: ['Not a valid string.'], password: ['Not a valid string.'] },
    ],
    [
      { email: ['a@b.co'], password: {} },
      { email: ['Not a valid string.'], password: ['Not a valid string.'] },
    ],
    [{ email: 'a@b.co', password: 'x\0' }, { password: ['Null characters are not allowed.'] }],
    [{ email: 'a@b.co', password: 'x', device: '' }, { device: ['This field may not be blank.'] }],
  ])('names what is wrong with %j', async (body, faults) => {
    const world = await createWorld()
    const answer = await token(world, body)
    expect(answer.status).toBe(400)
    const { email, password, device } = answer.body
    expect(JSON.parse(JSON.stringify({ email, password, device }))).toEqual(faults)
  })
})

describe('a sign-in that is refused', () => {
  it('looks and costs the same for a wrong password, an unknown, a deactivated and an impossible account', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const known = await world.signedInUser()
    const closed = await world.signedInUser()
    await setUser(world, closed.id, { deactivatedAt: world.clock.now() })
    const attempts = [
      { email: known.email, password: 'Wrong-Horse-7' },
      { email: closed.email, password: PASSWORD },
      { email: closed.email, password: 'Wrong-Horse-7' },
      { email: 'nobody@example.com', password: PASSWORD },
      { email: 'nobody', password: PASSWORD },
      { email: 'nobody@example.com', password: PASSWORD, device: 'x' },
    ]
    const seen = new Set<string>()
    for (const body of attempts) {
      const work = await hashesOf(world, async () => {
        const answer = await token(world, body)
        seen.add(JSON.stringify(sameButForItsId(answer)))
        expect(answer.body).toMatchObject({ detail: REFUSED, code: 'no_active_account' })
        expect(answer.headers['www-authenticate']).toBe('Bearer realm="api"')
      })
      expect(work, JSON.stringify(body)).toBe(1)
    }
    expect([...seen]).toHaveLength(1)
  })

  it('keeps out an account that was deactivated or deleted while its password was compared', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { passwords, foundation } = world.latchkey
    const [closed, deleted] = [await world.signedInUser(), await world.signedInUser()]
    const closing = world.signIn(closed)
    await until(() => passwords.load().running > 0)
    await setUser(world, closed.id, { deactivatedAt: world.clock.now() })
    expect((await closing).status).toBe(401)
    const deleting = world.signIn(deleted)
    await until(() => passwords.load().running > 0)
    await foundation.db.deleteFrom('users').where('id', '=', deleted.id).execute()
    expect((await deleting).status).toBe(401)
  })

  it('says so in the language of the client, its code never translated', async () => {
    const world = await createWorld()
    const answer = await token(world, { email: 'a@b.co', password: 'x' }, { 'accept-language': 'fa' })
    expect(answer.body.code).toBe('no_active_account')
    expect(answer.body.detail).not.toBe(REFUSED)
  })
})

describe('a password kept under weaker parameters', () => {
  const weak = () => hash(PASSWORD, { algorithm: 2, memoryCost: 4096, timeCost: 1, parallelism: 1 })
  const hashOf = async (world: World, id: number) =>
    (await world.latchkey.foundation.db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow())
      .passwordHash

  it('is kept under today’s after a right sign-in, and not after a wrong one', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const stored = await weak()
    await setUser(world, user.id, { passwordHash: stored })
    expect((await world.signIn({ ...user, password: 'Wrong-Horse-7' })).status).toBe(401)
    expect(await hashOf(world, user.id)).toBe(stored)
    expect((await world.signIn(user)).status).toBe(200)
    expect(await hashOf(world, user.id)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect((await world.signIn(user)).status).toBe(200)
  })

  it('lets in everyone who signs in at that same moment', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await world.signedInUser()
    await setUser(world, user.id, { passwordHash: await weak() })
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => world.signIn(user)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  })
})

describe('the tokens of a sign-in', () => {
  it('say who signed in, when, how and until when', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const now = Math.floor(world.clock.now().getTime() / 1000)
    const { header, payload } = readToken(user.access)
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) })
    expect(Object.keys(payload).join(' ')).toBe(
      'iss sub aud iat exp jti sid auth_time acr amr email_verified phone_verified token_type user_id',
    )
    expect(payload).toEqual({
      iss: 'http://localhost:8000',
      sub: String(user.id),
      aud: 'http://localhost:8000',
      iat: now,
      exp: now + 15 * 60,
      jti: expect.stringMatching(/^[\w-]{22}$/),
      sid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      auth_time: now,
      acr: 'aal1',
      amr: ['pwd'],
      email_verified: false,
      phone_verified: false,
      token_type: 'access',
      user_id: String(user.id),
    })
    const refresh = readToken(user.refresh)
    expect(refresh.header).toEqual({ alg: 'HS256', typ: 'rt+jwt' })
    expect(refresh.payload).toMatchObject({
      token_type: 'refresh',
      iat: now,
      exp: now + 30 * 24 * 3600,
      sid: payload['sid'],
      user_id: String(user.id),
    })
  })

  it('tell a verified address, and carry the issuer and audience the operator chose', async () => {
    const settings = { JWT_ISSUER: 'https://id.example', JWT_AUDIENCE: 'shop' }
    const world = await createWorld({ settings })
    const user = await world.signedInUser()
    await world.call('POST', '/api/otp/send/', { token: user.access, body: { email_or_phone: 'email' } })
    const code = await world.codeTo(user.email)
    await world.call('POST', '/api/otp/verify/', { token: user.access, body: { code } })
    world.clock.turn(minutes(1))
    const { body } = await world.signIn(user)
    expect(readToken(body.access).payload).toMatchObject({
      iss: 'https://id.example',
      aud: 'shop',
      email_verified: true,
      phone_verified: false,
      acr: 'aal1',
    })
  })
})
