import type { FastifyReply, FastifyRequest } from 'fastify'
import { throttled } from '../kernel/refusal.ts'
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
}

export type Scope = keyof Rates

export interface Throttle {
  /** Counts the request for its caller and, where given, under the scope; refuses with 429 past a quota. */
  request(request: FastifyRequest, reply: FastifyReply, scope: Scope | undefined): Promise<void>
  /** Counts one under a scope by what a body names (a session, say); refuses with 429 past the quota. */
  named(scope: Scope, key: string): Promise<void>
}

export function createThrottle(limiter: Limiter, rates: Rates): Throttle {
  const counted = async (scope: Scope, key: string): Promise<readonly [Scope, Rate, Standing] | undefined> => {
    const rate = rates[scope]
    return rate && ([scope, rate, await limiter.take(scope, key, rate)] as const)
  }
  return {
    async request(request, reply, scope) {
      const key = request.caller ? `user:${request.caller.userId}` : `ip:${networkOf(request.ip)}`
      const standings = []
      for (const each of [request.caller ? 'user' : 'anon', scope] as const) {
        const standing = each && (await counted(each, key))
        if (!standing) continue
        standings.push(standing)
        refuseUnlessAllowed([standing])
      }
      if (request.caller && standings.length > 0) void reply.headers(rateLimitHeaders(standings))
    },
    async named(scope, key) {
      const standing = await counted(scope, key)
      if (standing) refuseUnlessAllowed([standing])
    },
  }
}

function refuseUnlessAllowed(standings: readonly (readonly [Scope, Rate, Standing])[]): void {
  const refused = standings.find(([, , standing]) => !standing.allowed)
  if (refused) throw throttled(refused[2].resetSeconds, `over ${refused[0]}`, rateLimitHeaders(standings))
}

/** draft-ietf-httpapi-ratelimit-headers-10 §3 and §4: the policies that apply, and what is left of each. */
function rateLimitHeaders(standings: readonly (readonly [Scope, Rate, Standing])[]): Record<string, string> {
  const list = (item: (scope: Scope, rate: Rate, standing: Standing) => string) =>
    standings.map((standing) => item(...standing)).join(', ')
  return {
    'ratelimit-policy': list((scope, rate) => `"${scope}";q=${rate.quota};w=${Math.ceil(rate.period / 1000)}`),
    ratelimit: list((scope, _, { remaining, resetSeconds }) => `"${scope}";r=${remaining};t=${resetSeconds}`),
  }
}
