import { describe, expect, it } from 'vitest'
import { PHONE, sendCode, setPhone } from '../../../test/codes.ts'
import { wrongAppCode } from '../../../test/factors.ts'
import { scrape, TOKEN } from '../../../test/metrics.ts'
import { signIn as signInByPasskey, userWithPasskey } from '../../../test/passkeys.ts'
import { proofFor } from '../../../test/proof-of-work.ts'
import { beginSignIn, fortified, passByApp, passByRecoveryCode } from '../../../test/second-step.ts'
import { confirmCode, reachableUser, signInCode } from '../../../test/sign-in-codes.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { createWorld, PASSWORD } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const settings = { ...UNLIMITED, METRICS_TOKEN: TOKEN }

describe('sign-ups and sign-ins', () => {
  it('are counted by method and outcome', async () => {
    const world = await createWorld({ settings: { ...settings, SIGN_IN_BY_CODE: 'on' } })
    const before = await scrape(world)
    expect(before.value('latchkey_sign_ins_total', { method: 'password', outcome: 'failed' })).toBe(0)
    const user = await reachableUser(world)
    await world.signIn({ ...user, password: 'Wrong-Password-1' })
    await world.signIn({ email: 'nobody@example.com', password: PASSWORD })
    const { challenge, code } = await signInCode(world, user)
    await confirmCode(world, challenge, code)
    const { value } = await scrape(world)
    const signIns = (method: string, outcome: string) => value('latchkey_sign_ins_total', { method, outcome })
    expect(value('latchkey_sign_ups_total')).toBe(1)
    expect([signIns('password', 'signed_in'), signIns('password', 'failed')]).toEqual([1, 2])
    expect([signIns('code', 'signed_in'), signIns('code', 'failed')]).toEqual([1, 0])
    expect(value('latchkey_events_total', { event: 'sign_in_failed', result: 'failure' })).toBe(2)
  })

  it('with their second factors, each method apart', async () => {
    const world = await createWorld({ settings })
    const { user, secret, recoveryCodes, nextAppCode } = await fortified(world)
    const candidate = await beginSignIn(world, user)
    await passByApp(world, candidate, wrongAppCode(secret, world.clock.now()))
    await passByApp(world, candidate, nextAppCode())
    await passByRecoveryCode(world, await beginSignIn(world, user), recoveryCodes[0])
    const { value } = await scrape(world)
    const factors = (method: string, outcome: string) => value('latchkey_second_factors_total', { method, outcome })
    expect([factors('totp', 'passed'), factors('totp', 'failed')]).toEqual([1, 1])
    expect([factors('recovery_code', 'passed'), factors('recovery_code', 'failed')]).toEqual([1, undefined])
  })
})

it('a refresh token used after its successor is counted, from zero on', async () => {
  const world = await createWorld({ settings: { ...settings, REFRESH_ROTATION: 'on', REFRESH_GRACE_SECONDS: '0' } })
  const { refresh } = await world.signedInUser()
  expect((await scrape(world)).value('latchkey_refresh_reuse_total')).toBe(0)
  const successor = (await world.call('POST', '/api/token/refresh/', { body: { refresh } })).body.refresh
  world.clock.turn(minutes(1))
  await world.call('POST', '/api/token/refresh/', { body: { refresh: successor } })
  expect((await world.call('POST', '/api/token/refresh/', { body: { refresh } })).status).toBe(401)
  expect((await scrape(world)).value('latchkey_refresh_reuse_total')).toBe(1)
})

describe('refusals', () => {
  it('are counted by code and reason; over a limit, by which', async () => {
    const world = await createWorld({ settings: { METRICS_TOKEN: TOKEN, THROTTLE_LOGIN: '1/min' } })
    for (let tries = 0; tries < 2; tries++) await world.signIn({ email: 'a@example.com', password: PASSWORD })
    await world.call('GET', '/api/users/me/')
    const { value } = await scrape(world)
    const refused = (code: string, reason: string) => value('latchkey_refusals_total', { code, reason })
    expect(refused('throttled', 'over login')).toBe(1)
    expect(refused('not_authenticated', 'no bearer token')).toBe(1)
  })

  it('have no reason where it quotes what was sent', async () => {
    const world = await createWorld({ settings })
    await world.call('POST', '/api/users/', { body: { email: 'Canary', password: '' } })
    const headers = { 'content-type': 'application/json' }
    await world.latchkey.app.inject({ method: 'POST', url: '/api/users/', headers, payload: '{"Canary' })
    const { value, text } = await scrape(world)
    expect(value('latchkey_refusals_total', { code: 'invalid', reason: '' })).toBe(1)
    expect(value('latchkey_refusals_total', { code: 'parse_error', reason: '' })).toBe(1)
    expect(text).not.toContain('Canary')
  })

  // Whoever has a passkey could otherwise fill what room there is for reasons, and ours would be told no more.
  it('have none of the words of a library, which quote what was sent too', async () => {
    const world = await createWorld({ settings })
    const { passkey } = await userWithPasskey(world)
    const origins = ['one', 'two'].map((name) => `https://canary-${name}.example`)
    for (const origin of origins) expect((await signInByPasskey(world, passkey, { origin })).status).toBe(400)
    const { value, text } = await scrape(world)
    expect(world.logged()).toContain('canary-one')
    expect(text).not.toContain('canary')
    expect(value('latchkey_refusals_total', { code: 'passkey_invalid' })).toBe(2)
  })
})

it('proofs of work are counted, asked for and solved', async () => {
  const world = await createWorld({ settings: { ...settings, PROOF_OF_WORK: 'on' } })
  const register = (n: number, headers = {}) =>
    world.call('POST', '/api/users/', { body: { email: `u${n}@example.com`, password: PASSWORD }, headers })
  for (let n = 0; n < 3; n++) await register(n)
  const challenged = await register(3)
  expect((await register(3, proofFor(challenged))).status).toBe(201)
  const { value } = await scrape(world)
  const proofs = (outcome: string) => value('latchkey_proof_of_work_total', { outcome, signal: 'network_rate' })
  expect([proofs('asked'), proofs('solved')]).toEqual([1, 1])
})

it('codes by SMS are counted with what they cost, by country', async () => {
  const world = await createWorld({ settings: { ...settings, SMS_PRICES: 'IR=0.0125', OTP_RESEND_SECONDS: '0' } })
  const user = await world.signedInUser()
  await setPhone(world, user, PHONE)
  for (let sent = 0; sent < 2; sent++) expect((await sendCode(world, user, 'phone')).status).toBe(200)
  const { value } = await scrape(world)
  expect(value('latchkey_sms_spent_total', { country: 'IR' })).toBe(0.025)
  expect(value('latchkey_sms_decisions_total', { decision: 'allowed' })).toBe(2)
  expect(value('latchkey_sms_decisions_total', { reason: 'budget_day', mode: 'enforce' })).toBe(0)
})
