import type { FastifyReply, FastifyRequest } from 'fastify'
import { milliseconds, minutes } from '../kernel/duration.ts'
import { Refusal, throttled } from '../kernel/refusal.ts'
import type { Limiter, Rate, Standing } from '../ports/limiter/port.ts'
import { networkOf } from './client-address.ts'

/** What is counted apart, each with a setting of its own; an absent rate is off. */
export interface Rates {
  readonly anon: Rate | undefined
  readonly user: Rate | undefined
  readonly login: Rate | undefined
  readonly register: Rate | undefined
  readonly refresh: Rate | undefined
  readonly otpSend: Rate | undefined
  readonly otpVerify: Rate | undefined
  readonly reset: Rate | undefined
}

export type Scope = keyof Rates

export interface Throttle {
  /** Counts the request for its caller and, where given, under the scope; refuses with 429 past a quota. */
  request(request: FastifyRequest, reply: FastifyReply, scope: Scope | undefined): Promise<void>
  /** Counts the request under a scope by its address alone; past the quota gives the refusal, for whoever knows better. */
  byAddress(request: FastifyRequest, scope: Scope): Promise<Refusal | null>
  /** Counts one under a scope by what a body names (a session, say); refuses with 429 past the quota. */
  named(scope: Scope, key: string): Promise<void>
}

type Counted = readonly [policy: string, rate: Rate, standing: Standing]

export function createThrottle(limiter: Limiter, rates: Rates): Throttle {
  const policies = policiesOf(rates)
  /** Counts under each policy of the scope in turn; one that refuses ends the request, and the next is not counted. */
  const count = async (scope: Scope, key: string): Promise<Counted[]> => {
    const standings: Counted[] = []
    for (const [policy, rate] of policies(scope)) {
      const counted = [policy, rate, await limiter.take(policy, key, rate)] as const
      refuseUnlessAllowed([counted])
      standings.push(counted)
    }
    return standings
  }
  return {
    async request(request, reply, scope) {
      const known = request.caller ?? request.candidate
      const key = known ? `user:${known.userId}` : addressKey(request)
      const standings = await count(known ? 'user' : 'anon', key)
      if (scope) standings.push(...(await count(scope, key)))
      if (known && standings.length > 0) void reply.headers(rateLimitHeaders(standings))
    },
    async byAddress(request, scope) {
      try {
        await count(scope, addressKey(request))
        return null
      } catch (error) {
        if (error instanceof Refusal) return error
        throw error
      }
    },
    async named(scope, key) {
      await count(scope, key)
    },
  }
}

const addressKey = (request: FastifyRequest): string => `ip:${networkOf(request.clientAddress())}`

/** A scope's name as clients read it: part of the API, as codes are. */
const POLICIES: Readonly<Record<Scope, string>> = {
  anon: 'anon',
  user: 'user',
  login: 'login',
  register: 'register',
  refresh: 'refresh',
  otpSend: 'otp_send',
  otpVerify: 'otp_verify',
  reset: 'reset',
}

const SUSTAINED = { times: 5, periods: 60, upTo: minutes(1) }

/**
 * What may be asked for the length of sixty periods: who guesses passwords just below the rate must not go on so for an hour,
 * and 20 a minute are 100 an hour. A rate by more than a minute is itself as long as it lasts.
 */
export const sustainedOf = (rate: Rate): Rate =>
  rate.period > SUSTAINED.upTo
    ? rate
    : { quota: rate.quota * SUSTAINED.times, period: milliseconds(rate.period * SUSTAINED.periods) }

/** What is counted under a scope: its own rate and, for sign-ins, a longer one that follows from it. */
const policiesOf =
  (rates: Rates) =>
  (scope: Scope): (readonly [policy: string, rate: Rate])[] => {
    const rate = rates[scope]
    if (!rate) return []
    const own = [POLICIES[scope], rate] as const
    const sustained = sustainedOf(rate)
    return scope !== 'login' || sustained === rate ? [own] : [own, ['login_sustained', sustained]]
  }

function refuseUnlessAllowed(standings: readonly Counted[]): void {
  const refused = standings.find(([, , standing]) => !standing.allowed)
  if (refused) throw throttled(refused[2].resetSeconds, `over ${refused[0]}`, rateLimitHeaders(standings))
}

/** draft-ietf-httpapi-ratelimit-headers-10 §3 and §4: the policies that apply, and what is left of each. */
function rateLimitHeaders(standings: readonly Counted[]): Record<string, string> {
  const list = (item: (...counted: Counted) => string) => standings.map((counted) => item(...counted)).join(', ')
  return {
    'ratelimit-policy': list((policy, rate) => `"${policy}";q=${rate.quota};w=${Math.ceil(rate.period / 1000)}`),
    ratelimit: list((policy, _, { remaining, resetSeconds }) => `"${policy}";r=${remaining};t=${resetSeconds}`),
  }
}
