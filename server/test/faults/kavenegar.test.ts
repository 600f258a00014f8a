import { describe, expect, it, onTestFinished } from 'vitest'
import { minutes, seconds } from '../../src/kernel/duration.ts'
import { createKavenegarGateway } from '../../src/ports/sms/kavenegar.ts'
import { HTTP_FAULTS } from '../lookalikes/faults.ts'
import { STATUS_TEXTS } from '../lookalikes/kavenegar-statuses.ts'
import { type KavenegarReaction, startKavenegar } from '../lookalikes/kavenegar.ts'
import { createWorld, type SignedIn, type World } from '../world.ts'
import { createRelay } from './relay.ts'

// The real one is ten times as long.
const TIMEOUT = seconds(1.5)

interface Person extends SignedIn {
  /** As Kavenegar writes it. */
  readonly phone: string
}

/** The whole server, its text messages going to a Kavenegar on loopback; `mirror` false: HTTP 200 whatever happens. */
async function createSmsWorld({ template, mirror = true }: { template?: string; mirror?: boolean } = {}) {
  const kavenegar = await startKavenegar({ mirror })
  const relay = await createRelay(kavenegar.port)
  await relay.turn('fair')
  const baseUrl = `http://127.0.0.1:${relay.port}`
  const sms = createKavenegarGateway(
    { apiKey: kavenegar.key, sender: undefined, template, baseUrl },
    { timeout: TIMEOUT },
  )
  const off = { THROTTLE_OTP_SEND: 'off', THROTTLE_ANON: 'off', THROTTLE_REGISTER: 'off', THROTTLE_LOGIN: 'off' }
  const world = await createWorld({ settings: off, compose: { gateways: { sms } } })
  onTestFinished(async () => {
    await relay[Symbol.asyncDispose]()
    await kavenegar.close()
  })
  let persons = 0
  const newPerson = async (): Promise<Person> => {
    const user = await world.signedInUser()
    const phone = `0912${String(++persons).padStart(7, '0')}`
    await world.call('PATCH', '/api/users/me/', { token: user.access, body: { phone } })
    return { ...user, phone }
  }
  const codesTo = ({ phone }: Person): string[] =>
    kavenegar.sent
      .filter(({ receptor }) => receptor === phone)
      .flatMap(({ message }) => /\b\d{6}\b/.exec(message)?.[0] ?? [])
  return { kavenegar, relay, world, newPerson, codesTo }
}

async function ask({ call, latchkey }: World, { access: token }: Person): Promise<number> {
  const { status } = await call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'phone' } })
  await latchkey.worker.deliverDue()
  return status
}

const deliveriesTo = ({ latchkey }: World, { id }: Person) =>
  latchkey.foundation.db.selectFrom('deliveries').selectAll().where('userId', '=', id).orderBy('createdAt').execute()

/** The resend cooldown is over, a code is not. */
async function later({ clock, latchkey }: World): Promise<void> {
  clock.turn(seconds(61))
  await latchkey.worker.deliverDue()
}

const prove = (world: World, { access: token }: Person, code: string | undefined) =>
  world.call('POST', '/api/otp/verify/', { token, body: { code } })

async function expectNothingSecretLeft(world: World, key: string, person: Person, codes: string[]): Promise<void> {
  for (const row of await deliveriesTo(world, person)) {
    if (row.status !== 'queued') expect(row.sealed).toBeNull()
    for (const secret of [person.phone.slice(1), key, ...codes]) expect(row.reason ?? '').not.toContain(secret)
  }
  for (const secret of [person.phone.slice(1), key, ...codes]) expect(world.logged()).not.toContain(secret)
}

const FAILING = Object.keys(STATUS_TEXTS)
  .map(Number)
  .filter((status) => status !== 200)

// 402 and 409 pass, 429 and 451 say that we were too many: all of them may be asked again.
const PASSING = [402, 409, 429, 451]
const OPERATORS = [401, 403, 407, 412, 416, 418, 424, 426]

// Some of its front ends say HTTP 200 whatever the body says, others repeat the code; `fetch` alone would hide a 407.
const ANSWERS = [
  ...FAILING.map((status) => [status, 200] as const),
  ...[403, 407, 411, 418, 429].map((s) => [s, s] as const),
]

describe('every code Kavenegar can answer', () => {
  it.each(ANSWERS)('%i under HTTP %i: sent later, once, or given up at once with the reason', async (status, http) => {
    const mirror = http === status
    const { kavenegar, world, newPerson, codesTo } = await createSmsWorld({ mirror })
    const person = await newPerson()
    kavenegar.plan(status)
    expect(await ask(world, person)).toBe(200)
    const [row] = await deliveriesTo(world, person)
    expect(row?.reason).toContain(`kavenegar ${status}: `)
    expect(row?.status).toBe(PASSING.includes(status) ? 'queued' : 'dead')
    const { operator_fault: operatorFault } = (await world.call('GET', '/readyz')).body.gateways.sms
    if (OPERATORS.includes(status)) expect(operatorFault.reason).toContain(`kavenegar ${status}: `)
    if (status === 411 || PASSING.includes(status)) expect(operatorFault).toBeUndefined()

    await later(world)
    expect(codesTo(person)).toHaveLength(PASSING.includes(status) ? 1 : 0)
    if (!PASSING.includes(status)) await ask(world, person)
    const codes = codesTo(person)
    expect(codes).toHaveLength(1)
    expect((await prove(world, person, codes[0])).body).toEqual({ status: 'User has Verified' })
    expect((await world.call('GET', '/readyz')).body.gateways.sms.operator_fault).toBeUndefined()
    await expectNothingSecretLeft(world, kavenegar.key, person, codes)
  })
})

const TAKEN: readonly KavenegarReaction[] = ['lost', 'silent', 'no_entries']

describe('a Kavenegar that answers nothing one can read', () => {
  it.each([...HTTP_FAULTS, ...TAKEN])('%s: one code is read in the end, and none twice', async (reaction) => {
    const { kavenegar, world, newPerson, codesTo } = await createSmsWorld()
    const person = await newPerson()
    kavenegar.plan(reaction)
    expect(await ask(world, person)).toBe(200)
    await later(world)
    if (codesTo(person).length === 0) await ask(world, person)
    const codes = codesTo(person)
    expect(codes).toHaveLength(1)
    expect((await prove(world, person, codes[0])).status).toBe(200)
    await expectNothingSecretLeft(world, kavenegar.key, person, codes)
  })

  // By Verify Lookup there is no `localid` by which a second copy is known.
  it.each<KavenegarReaction>(['lost', 'silent'])('%s: Verify Lookup is never repeated blindly', async (reaction) => {
    const { kavenegar, world, newPerson, codesTo } = await createSmsWorld({ template: 'verify' })
    const person = await newPerson()
    kavenegar.plan(reaction, Infinity)
    await ask(world, person)
    await later(world)
    await later(world)
    expect(await deliveriesTo(world, person)).toMatchObject([
      { status: 'dead', attempts: 1, sealed: null, reason: expect.stringMatching(/^unknown: kavenegar: no answer/) },
    ])
    expect(codesTo(person)).toHaveLength(1)
  })

  it('refused connections: the code waits and arrives once', async () => {
    const { relay, kavenegar, world, newPerson, codesTo } = await createSmsWorld({ template: 'verify' })
    const person = await newPerson()
    await relay.turn('refused')
    await ask(world, person)
    expect(await deliveriesTo(world, person)).toMatchObject([
      { status: 'queued', reason: expect.stringMatching(/^retry/) },
    ])
    await relay.turn('fair')
    await later(world)
    expect(await deliveriesTo(world, person)).toMatchObject([{ status: 'sent', sealed: null }])
    const codes = codesTo(person)
    expect(codes).toHaveLength(1)
    await expectNothingSecretLeft(world, kavenegar.key, person, codes)
  })

  it('down for longer than a code lives: given up, wiped, and the server goes on', async () => {
    const { relay, world, newPerson, codesTo } = await createSmsWorld()
    const person = await newPerson()
    await relay.turn('refused')
    await ask(world, person)
    for (let round = 0; round < 3; round++) await later(world)
    expect(await deliveriesTo(world, person)).toMatchObject([
      { status: 'dead', sealed: null, reason: expect.stringMatching(/^expired; retry: kavenegar/) },
    ])
    await relay.turn('fair')
    world.clock.turn(minutes(1))
    await ask(world, person)
    expect(codesTo(person)).toHaveLength(1)
  })
})
