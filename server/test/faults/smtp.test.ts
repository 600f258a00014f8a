import { describe, expect, it, onTestFinished } from 'vitest'
import { hours, minutes, seconds } from '../../src/kernel/duration.ts'
import { createSmtpGateway } from '../../src/ports/mail/smtp.ts'
import { type SmtpOptions, type SmtpReaction, startSmtp } from '../lookalikes/smtp.ts'
import { createTurnedClock } from '../turned-clock.ts'
import { createWorld, type SignedIn, type World } from '../world.ts'
import { createRelay, type Weather } from './relay.ts'

// A fraction of the real ones, yet long enough for a busy machine.
const TIMEOUTS = { connection: seconds(2), greeting: seconds(1.5), silence: seconds(1.5), whole: seconds(8) }
const LOGIN = { user: 'sender', password: 'right' }

/** The whole server, its mail going through a relay that makes the weather to a real SMTP server. */
async function createMailWorld(options: SmtpOptions = {}, password = LOGIN.password) {
  const smtp = await startSmtp({ security: 'none', ...options })
  const relay = await createRelay(smtp.port)
  const { user } = LOGIN
  const settings = {
    host: '127.0.0.1',
    port: relay.port,
    user: options.login && user,
    password,
    security: 'none',
  } as const
  const email = createSmtpGateway(
    { ...settings, from: 'noreply@example.com' },
    { clock: createTurnedClock(), timeouts: TIMEOUTS },
  )
  const world = await createWorld({ settings: { THROTTLE_OTP_SEND: 'off' }, compose: { gateways: { email } } })
  onTestFinished(async () => {
    await relay[Symbol.asyncDispose]()
    await smtp.close()
  })
  await relay.turn('fair')
  return { smtp, relay, world, user: await world.signedInUser() }
}

const ask = async (world: World, { access: token }: SignedIn): Promise<number> => {
  const { status } = await world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } })
  await world.latchkey.worker.deliverDue()
  return status
}

const rows = ({ latchkey }: World) =>
  latchkey.foundation.db.selectFrom('deliveries').selectAll().orderBy('createdAt').execute()

const later = async (world: World, wait = minutes(1)): Promise<void> => {
  world.clock.turn(wait)
  await world.latchkey.worker.deliverDue()
}

const codesIn = (texts: readonly (string | undefined)[]): string[] =>
  texts.flatMap((text) => /\b\d{6}\b/.exec(text ?? '')?.[0] ?? [])

const prove = (world: World, { access: token }: SignedIn, code: string | undefined) =>
  world.call('POST', '/api/otp/verify/', { token, body: { code } })

async function expectNothingSecretLeft(world: World, { email }: SignedIn, codes: readonly string[]): Promise<void> {
  for (const row of await rows(world)) {
    if (row.status !== 'queued') expect(row.sealed).toBeNull()
    for (const secret of [email, ...codes]) expect(row.reason ?? '').not.toContain(secret)
  }
  for (const secret of [email, ...codes]) expect(world.logged()).not.toContain(secret)
}

describe('a code whose mail server fails for a while', () => {
  it.each<Weather>(['refused', 'silent'])('arrives once, when the server that was %s is back', async (weather) => {
    const { smtp, relay, world, user } = await createMailWorld()
    await relay.turn(weather)
    expect(await ask(world, user)).toBe(200)
    expect(await rows(world)).toMatchObject([{ status: 'queued', reason: expect.stringMatching(/^retry: smtp: /) }])
    await relay.turn('fair')
    await later(world)
    expect(await rows(world)).toMatchObject([{ status: 'sent', sealed: null }])
    const codes = codesIn(smtp.messages.map(({ text }) => text))
    expect(codes).toHaveLength(1)
    expect((await prove(world, user, codes[0])).status).toBe(200)
    await expectNothingSecretLeft(world, user, codes)
  })

  it('arrives at once from a server that is only slow', async () => {
    const { smtp, relay, world, user } = await createMailWorld()
    await relay.turn('slow')
    await ask(world, user)
    expect(await rows(world)).toMatchObject([{ status: 'sent', attempts: 1 }])
    expect(smtp.messages).toHaveLength(1)
  })

  it.each<[string, SmtpReaction]>([
    ['greylists it (451)', 451],
    ['has no room (452)', 452],
    ['is closing (421)', 421],
    ['puts it off after the text (451)', { data: 451 }],
    ['falls silent in the middle', 'hang'],
    ['cuts the connection in the middle', 'reset'],
  ])('arrives once, after a server that %s', async (_, reaction) => {
    const { smtp, world, user } = await createMailWorld()
    smtp.plan(reaction, 2) // the gateway itself may try a broken connection once more
    await ask(world, user)
    for (let round = 0; round < 3; round++) await later(world, seconds(20))
    expect(await rows(world)).toMatchObject([{ status: 'sent', sealed: null }])
    const codes = codesIn(smtp.messages.map(({ text }) => text))
    expect(codes).toHaveLength(1)
    await expectNothingSecretLeft(world, user, codes)
  })

  it('is given up and wiped when it expires first, and the next one arrives', async () => {
    const { smtp, relay, world, user } = await createMailWorld()
    await relay.turn('refused')
    await ask(world, user)
    for (let round = 0; round < 6; round++) await later(world, seconds(30))
    expect(await rows(world)).toMatchObject([
      { status: 'dead', reason: expect.stringMatching(/^expired; /), sealed: null },
    ])
    await relay.turn('fair')
    await ask(world, user)
    const codes = codesIn(smtp.messages.map(({ text }) => text))
    expect(codes).toHaveLength(1)
    expect((await prove(world, user, codes[0])).status).toBe(200)
    await expectNothingSecretLeft(world, user, codes)
  })
})

describe('a code lost after the final dot', () => {
  it('arrives at most twice, as one and the same', async () => {
    const { smtp, world, user } = await createMailWorld()
    smtp.plan('lost', 1)
    await ask(world, user)
    for (let round = 0; round < 3; round++) await later(world, seconds(20))
    const codes = codesIn(smtp.messages.map(({ text }) => text))
    expect(codes.length).toBeLessThanOrEqual(2)
    expect(new Set(codes).size).toBe(1)
    expect(new Set(smtp.messages.map(({ messageId }) => messageId)).size).toBe(1)
    expect(await rows(world)).toMatchObject([{ status: 'sent', sealed: null }])
    expect((await prove(world, user, codes[0])).status).toBe(200)
  })

  it.each<SmtpReaction>(['lost', 'silent'])(
    'is not sent a third time by a server that is always %s there',
    async (fate) => {
      const { smtp, world, user } = await createMailWorld()
      smtp.plan(fate, Infinity)
      await ask(world, user)
      for (let round = 0; round < 5; round++) await later(world, seconds(20))
      const codes = codesIn(smtp.messages.map(({ text }) => text))
      expect(codes).toHaveLength(2)
      expect(new Set(codes).size).toBe(1)
      expect(await rows(world)).toMatchObject([
        { status: 'dead', reason: expect.stringMatching(/^no answer twice; maybe_taken: /), sealed: null },
      ])
      // It did arrive, so it is good.
      expect((await prove(world, user, codes[0])).status).toBe(200)
      await expectNothingSecretLeft(world, user, codes)
    },
  )
})

describe('a code its mail server refuses for good', () => {
  it.each<[string, SmtpReaction, string]>([
    ['the mailbox (550)', 550, 'recipient_refused: smtp: 550'],
    ['the text (554)', { data: 554 }, 'message_refused: smtp: 554'],
  ])('%s is given up at once with the reason, and the next one may arrive', async (_, reaction, reason) => {
    const { smtp, world, user } = await createMailWorld()
    smtp.plan(reaction)
    await ask(world, user)
    expect(await rows(world)).toMatchObject([
      { status: 'dead', attempts: 1, sealed: null, reason: expect.stringContaining(reason) },
    ])
    await later(world, hours(1))
    expect(smtp.messages).toHaveLength(0)
    // An hour has passed, and the session's access token with it.
    const { body } = await world.signIn(user)
    const again = { ...user, access: body.access as string }
    await ask(world, again)
    const codes = codesIn(smtp.messages.map(({ text }) => text))
    expect((await prove(world, again, codes[0])).status).toBe(200)
    await expectNothingSecretLeft(world, user, codes)
  })

  it('a refused login is told to the operator, and the server stays ready', async () => {
    const { world, user } = await createMailWorld({ login: LOGIN }, 'the-wrong-one')
    expect(await ask(world, user)).toBe(200)
    expect(await rows(world)).toMatchObject([
      { status: 'dead', attempts: 1, sealed: null, reason: expect.stringContaining('app password') },
    ])
    const ready = await world.call('GET', '/readyz')
    expect(ready.status).toBe(200)
    expect(ready.body.gateways.email.operator_fault.reason).toContain('app password')
    expect(world.logged()).toContain('messages cannot be sent until the operator mends this')
    expect(world.logged()).not.toContain('the-wrong-one')
    await expectNothingSecretLeft(world, user, [])
  })
})
