import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { codeFor, PHONE, RIGHT, said, sendCode, setPhone, verifyCode } from '../../../test/codes.ts'
import { PRODUCTION } from '../../../test/production.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, inTurn, statuses } from '../../../test/wire.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

async function verify(world: World, user: SignedIn, channel: 'email' | 'phone'): Promise<void> {
  expect(said(await verifyCode(world, user, await codeFor(world, user, channel)))).toEqual(RIGHT)
}

describe('sending a code', () => {
  it('answers the same for mail and SMS, and sends six ASCII digits above 100000 to the address on file', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await setPhone(world, user, '۰۹۱۲۳۴۵۶۷۸۹')
    for (const channel of ['email', 'phone'] as const) {
      const answer = await sendCode(world, user, channel)
      expect([answer.status, answer.text]).toEqual([200, '{"status":"code has been sent to user"}'])
    }
    expect(await world.codeTo(user.email)).toMatch(/^[1-9]\d{5}$/)
    expect(await world.codeTo(PHONE)).toMatch(/^[1-9]\d{5}$/)
  })

  it.each([
    [{}, 'This field is required.'],
    [{ email_or_phone: 'fax' }, '"fax" is not a valid choice.'],
    [{ email_or_phone: null }, 'This field may not be null.'],
    [{ email_or_phone: 5 }, '"5" is not a valid choice.'],
    [{ email_or_phone: 'Email' }, '"Email" is not a valid choice.'],
  ])('names what is wrong with %j', async (body, fault) => {
    const world = await createWorld()
    const { access: token } = await world.signedInUser()
    const answer = await world.call('POST', '/api/otp/send/', { token, body })
    expect([answer.status, answer.body.email_or_phone]).toEqual([400, [fault]])
    expect(await world.inbox()).toEqual([])
  })

  it('needs a session', async () => {
    const world = await createWorld()
    const answer = await world.call('POST', '/api/otp/send/', { body: { email_or_phone: 'email' } })
    expect([answer.status, answer.body.code]).toEqual([401, 'not_authenticated'])
  })

  it('to a phone nobody has given is refused', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const no = [400, 'User Phone Number has not submited', 'phone_not_submitted']
    expect(said(await sendCode(world, user, 'phone'))).toEqual(no)
  })

  it('is refused once this very session has proven the channel, and not to another session', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await verify(world, user, 'email')
    world.clock.turn(minutes(2))
    expect(said(await sendCode(world, user))).toEqual([400, 'User already is verified', 'already_verified'])
    const elsewhere = (await world.signIn(user)).body
    expect((await sendCode(world, elsewhere)).status).toBe(200)
  })

  it('goes to the pending address while one waits', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await world.signedInUser()
    await verify(world, user, 'email')
    await world.call('PATCH', '/api/users/me/', { token: user.access, body: { email: 'new@example.com' } })
    world.clock.turn(minutes(2))
    const before = (await world.inbox('new@example.com')).length
    expect((await sendCode(world, user)).status).toBe(200)
    expect((await world.inbox('new@example.com')).length).toBe(before + 1)
  })

  it('writes in the user’s language, else in the client’s', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await world.signedInUser()
    const body = { email_or_phone: 'email' }
    const headers = { 'accept-language': 'fa' }
    await world.call('POST', '/api/otp/send/', { token: user.access, body, headers })
    await world.call('PATCH', '/api/users/me/', { token: user.access, body: { language: 'en' } })
    world.clock.turn(minutes(1))
    await world.call('POST', '/api/otp/send/', { token: user.access, body, headers })
    const [second, first] = await world.inbox(user.email)
    expect(first?.html).toContain('dir="rtl"')
    expect(second?.html).not.toContain('dir="rtl"')
  })

  it('without a gateway in production answers that the channel is unavailable', async () => {
    const settings = { ...UNLIMITED, ...PRODUCTION, SECRET_KEY: 'only-for-this-test '.repeat(2) }
    const world = await createWorld({ settings })
    const user = await world.signedInUser()
    await setPhone(world, user)
    const answer = await sendCode(world, user, 'phone')
    expect([answer.status, answer.body.code]).toEqual([503, 'channel_unavailable'])
    expect((await sendCode(world, user, 'email')).status).toBe(200)
  })
})

describe('a code sent again', () => {
  it('has to wait a minute, to the second, and the wait is told', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await sendCode(world, user)
    world.clock.turn(seconds(18))
    const early = await sendCode(world, user)
    expect([early.status, early.headers['retry-after'], early.body.code]).toEqual([429, '42', 'throttled'])
    expect(early.body.detail).toBe('Request was throttled. Expected available in 42 seconds.')
    world.clock.turn(seconds(42))
    expect((await sendCode(world, user)).status).toBe(200)
    expect(await world.inbox(user.email)).toHaveLength(2)
  })

  it('waits for its own channel and session alone', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await setPhone(world, user)
    await sendCode(world, user, 'email')
    expect((await sendCode(world, user, 'phone')).status).toBe(200)
    const elsewhere = (await world.signIn(user)).body
    expect((await sendCode(world, elsewhere, 'email')).status).toBe(200)
  })

  it('waits as long as the operator says', async () => {
    const world = await createWorld({ settings: { OTP_RESEND_SECONDS: '5' } })
    const user = await world.signedInUser()
    await sendCode(world, user)
    world.clock.turn(seconds(5))
    expect((await sendCode(world, user)).status).toBe(200)
  })

  it('is told that its channel is verified before it is told to wait', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await verify(world, user, 'email')
    expect((await sendCode(world, user)).body.code).toBe('already_verified')
  })

  // Guard: `where createdAt <= …` in `store.replace`; see worst-moment.test.ts.
  it('is one mail when twenty ask at once, at two servers on one file, twenty rounds', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const settings = { ...UNLIMITED, OTP_RESEND_SECONDS: '30', DATA_DIR: folder }
    const worlds = await inTurn(2, () => createWorld({ settings, compose: { inMemory: false } }))
    const { db } = worlds[0]!.latchkey.foundation
    const user = await worlds[0]!.signedInUser()
    await inTurn(20, async (round) => {
      const answers = await atOnce(20, (index) => sendCode(worlds[index % 2]!, user))
      expect(statuses(answers)).toEqual({ 200: 1, 429: 19 })
      expect(await db.selectFrom('deliveries').selectAll().execute()).toHaveLength(round + 1)
      for (const { clock } of worlds) clock.turn(seconds(30))
    })
  }, 60_000)
})

describe('codes to one address', () => {
  const settings = { ...UNLIMITED, THROTTLE_OTP_SEND: '1000/hour' }

  it('are five an hour, whichever session asks, and a refused one costs no cooldown', async () => {
    const world = await createWorld({ settings })
    const user = await world.signedInUser()
    const sessions = await inTurn(6, async () => (await world.signIn(user)).body)
    const answers = await inTurn(6, (index) => sendCode(world, sessions[index]))
    expect(statuses(answers)).toEqual({ 200: 5, 429: 1 })
    expect(Number(answers[5]?.headers['retry-after'])).toBeGreaterThan(3000)
    expect(await world.inbox(user.email)).toHaveLength(5)
  })

  it('are as few however its mailbox is spelled', async () => {
    const world = await createWorld({ settings })
    const user = await world.signedInUser()
    const spellings = ['victim', 'v.ictim', 'vi.ctim+a', 'victim+b', 'VICTIM', 'victim+c']
    const answers = await inTurn(spellings.length, async (index) => {
      const domain = index % 2 === 0 ? 'gmail.com' : 'googlemail.com'
      const email = `${spellings[index]}@${domain}`
      await world.call('PATCH', '/api/users/me/', { token: user.access, body: { email } })
      world.clock.turn(minutes(1))
      return sendCode(world, user)
    })
    expect(statuses(answers)).toEqual({ 200: 5, 429: 1 })
  })

  it('leave its verified owner a budget that strangers cannot use up', async () => {
    const world = await createWorld({ settings })
    const [owner, stranger] = [await world.signedInUser(), await world.signedInUser()]
    await setPhone(world, owner)
    await verify(world, owner, 'phone')
    await setPhone(world, stranger)
    const strangers = await inTurn(6, () => {
      world.clock.turn(minutes(1))
      return sendCode(world, stranger, 'phone')
    })
    // The owner's first, before the number was his, was a stranger's too.
    expect(statuses(strangers)).toEqual({ 200: 4, 429: 2 })
    const elsewhere = (await world.signIn(owner)).body
    expect((await sendCode(world, elsewhere, 'phone')).status).toBe(200)
  })

  it('are not limited where THROTTLE_OTP_SEND is off, but always in production', async () => {
    const sendSeven = async (extra: Record<string, string>) => {
      const world = await createWorld({ settings: { ...UNLIMITED, ...extra } })
      const user = await world.signedInUser()
      return statuses(
        await inTurn(7, () => {
          world.clock.turn(minutes(1))
          return sendCode(world, user)
        }),
      )
    }
    expect(await sendSeven({})).toEqual({ 200: 7 })
    const secret = 'only-for-this-test '.repeat(2)
    expect(await sendSeven({ ...PRODUCTION, SECRET_KEY: secret })).toEqual({ 200: 5, 429: 2 })
  })

  it('are ten an hour of one user’s, all addresses together', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, THROTTLE_OTP_SEND: '10/hour' } })
    const user = await world.signedInUser()
    const answers = await inTurn(11, async (index) => {
      await world.call('PATCH', '/api/users/me/', { token: user.access, body: { email: `a${index}@example.com` } })
      return sendCode(world, user)
    })
    expect(statuses(answers)).toEqual({ 200: 10, 429: 1 })
  })
})
