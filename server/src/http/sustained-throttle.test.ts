import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { milliseconds } from '../kernel/duration.ts'
import type { Refusal } from '../kernel/refusal.ts'
import { createMemoryLimiter } from '../ports/limiter/memory.ts'
import { createThrottle, type Rates } from './throttle.ts'

const OFF: Rates = {
  anon: undefined,
  user: undefined,
  login: undefined,
  register: undefined,
  refresh: undefined,
  otpSend: undefined,
  otpVerify: undefined,
  reset: undefined,
}

/** The policy that refuses one, or undefined when it is let through. */
async function refusedBy(rates: Rates): Promise<() => Promise<string | undefined>> {
  const throttle = createThrottle(createMemoryLimiter(), rates)
  return async () => {
    try {
      await throttle.named('login', 'ip:192.0.2.1')
      return undefined
    } catch (error) {
      return /^"(\w+)"/.exec((error as Refusal).details.headers?.['ratelimit-policy'] ?? '')?.[1]
    }
  }
}

it('bounds sign-ins over sixty periods to five times as many as in one', async () => {
  const take = await refusedBy({ ...OFF, login: { quota: 4, period: milliseconds(50) } })
  let allowed = 0
  let refusal = await take()
  while (refusal !== 'login_sustained') {
    if (refusal === undefined) allowed++
    else await setTimeout(20)
    refusal = await take()
  }
  expect(allowed).toBe(20)
})

it('bounds no further what is given by the hour or the day, nor what is off', async () => {
  const hourly = await refusedBy({ ...OFF, login: { quota: 3, period: milliseconds(3_600_000) } })
  expect([await hourly(), await hourly(), await hourly(), await hourly()]).toEqual([...Array(3), 'login'])
  const off = await refusedBy(OFF)
  expect(await off()).toBeUndefined()
})
