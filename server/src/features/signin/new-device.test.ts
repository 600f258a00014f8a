import { describe, expect, it } from 'vitest'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { inTurn, sessionIdOf } from '../../../test/wire.ts'
import { createWorld, PASSWORD, type World } from '../../../test/world.ts'
import { days, minutes } from '../../kernel/duration.ts'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0'
const NEWER_FIREFOX = FIREFOX.replaceAll('145', '146')
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'

const EMAIL = 'sara@example.com'

interface Where {
  readonly userAgent?: string
  readonly from?: string
  readonly device?: string
}

async function signIn(world: World, { userAgent = FIREFOX, from = '192.0.2.1', device }: Where = {}) {
  const body = { email: EMAIL, password: PASSWORD, ...(device !== undefined && { device }) }
  const answer = await world.call('POST', '/api/token/', { body, from, headers: { 'user-agent': userAgent } })
  expect(answer.status).toBe(200)
  return answer.body
}

const register = (world: World, language?: string) =>
  world.call('POST', '/api/users/', {
    body: { email: EMAIL, password: PASSWORD },
    ...(language !== undefined && { headers: { 'accept-language': language } }),
  })

/** The notices of a new sign-in, newest first. */
const notices = async (world: World) =>
  (await world.inbox(EMAIL)).filter(({ subject }) => /^New sign-in|^ورود تازه/.test(subject ?? ''))

async function worldOfSara(settings = UNLIMITED): Promise<World> {
  const world = await createWorld({ settings })
  await register(world)
  return world
}

describe('a sign-in from a new device is told', () => {
  it('never at an account’s first', async () => {
    const world = await worldOfSara()
    await signIn(world)
    expect(await notices(world)).toEqual([])
  })

  it('for another program, with what it was, where and when, and what to do', async () => {
    const world = await worldOfSara()
    await signIn(world)
    world.clock.turn(minutes(3))
    await signIn(world, { userAgent: SAFARI, from: '203.0.113.7' })
    const [mail, ...others] = await notices(world)
    expect(others).toEqual([])
    for (const words of ['Safari on iOS', '203.0.113.7', '22 November 2026 at 09:03', 'change your password']) {
      expect(mail?.text).toContain(words)
    }
  })

  it.each<[string, Where]>([
    ['program', { userAgent: SAFARI }],
    ['network', { from: '203.0.113.7' }],
    ['network of IPv6', { from: '2001:db8:0:1::7' }],
  ])('once for another %s', async (_, where) => {
    const world = await worldOfSara()
    await signIn(world)
    await inTurn(3, () => signIn(world, where))
    expect(await notices(world)).toHaveLength(1)
  })

  it.each<[string, Where, Where]>([
    ['a newer version of the program', {}, { userAgent: NEWER_FIREFOX }],
    ['another address of the same IPv6 network', { from: '2001:db8::7' }, { from: '2001:db8::9' }],
  ])('not for %s', async (_, first, then) => {
    const world = await worldOfSara()
    await signIn(world, first)
    await signIn(world, then)
    expect(await notices(world)).toEqual([])
  })

  it('never for a known device value, wherever it signs in from, and for an unknown one like for none', async () => {
    const world = await worldOfSara()
    const { device } = await signIn(world, { device: 'new' })
    await signIn(world, { device, userAgent: SAFARI, from: '203.0.113.7' })
    expect(await notices(world)).toEqual([])
    await signIn(world, { device: 'made-up', userAgent: SAFARI, from: '198.51.100.7' })
    expect(await notices(world)).toHaveLength(1)
  })

  it('in the language of the user', async () => {
    const world = await worldOfSara()
    const { access: token } = await signIn(world)
    await world.call('PATCH', '/api/users/me/', { token, body: { language: 'fa' } })
    await signIn(world, { userAgent: SAFARI })
    const [mail] = await notices(world)
    expect([mail?.subject, mail?.html?.includes('dir="rtl"')]).toEqual(['ورود تازه به حساب شما در Latchkey', true])
  })

  it('where the program does not say what it is, in so many words', async () => {
    const world = await worldOfSara()
    await signIn(world)
    await signIn(world, { userAgent: '' })
    expect((await notices(world))[0]?.text).toContain('with an unknown program from the address 192.0.2.1')
  })

  it('ten times a day, and no more', async () => {
    const world = await worldOfSara()
    await signIn(world)
    await inTurn(12, (index) => signIn(world, { from: `198.51.100.${index}` }))
    expect(await notices(world)).toHaveLength(10)
    world.clock.turn(days(1))
    await signIn(world, { from: '203.0.113.7' })
    expect(await notices(world)).toHaveLength(11)
  })

  it('not for a program that signed in before programs were named', async () => {
    const world = await worldOfSara()
    await signIn(world)
    await world.latchkey.foundation.db.updateTable('sessions').set({ device: '' }).execute()
    await signIn(world)
    expect(await notices(world)).toEqual([])
    await signIn(world, { userAgent: SAFARI })
    expect(await notices(world)).toHaveLength(1)
  })

  it('again when its session was thrown out: what began it vouches for nothing', async () => {
    const world = await worldOfSara()
    const { access: token } = await signIn(world)
    const thief = await signIn(world, { from: '203.0.113.7' })
    await world.call('DELETE', `/api/sessions/${sessionIdOf(thief.refresh)}/`, { token })
    await signIn(world, { from: '203.0.113.7' })
    expect(await notices(world)).toHaveLength(2)
  })

  it('not when the password was wrong', async () => {
    const world = await worldOfSara()
    await signIn(world)
    const body = { email: EMAIL, password: 'Wrong-Horse-7' }
    await world.call('POST', '/api/token/', { body, from: '203.0.113.7' })
    expect(await notices(world)).toEqual([])
  })
})
