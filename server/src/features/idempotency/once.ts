import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Database } from '../../database/schema.ts'
import { networkOf } from '../../http/client-address.ts'
import type { App } from '../../http/server.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Refusal } from '../../kernel/refusal.ts'
import { parseKey } from './key.ts'
import {
  type Answer,
  type Asked,
  type Claim,
  claim,
  type IdempotencyDeps,
  inProgress,
  isForGood,
  type Kept,
  type Remember,
} from './service.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Takes an `Idempotency-Key`. Its act's transaction must end by what `request.remember` gives. */
    idempotent?: true
  }
  interface FastifyRequest {
    /** What keeps the answer to an act, made from its outcome, for whoever asks again with the same key. */
    remember<T>(answerOf: (outcome: T) => Answer): Remember<T>
    /** Null without a key. */
    claim: Claim | null
  }
}

const REPLAYED = { 'idempotent-replayed': 'true' }

interface Deps extends IdempotencyDeps {
  readonly clock: Clock
}

/**
 * Lets every route declared from now on with `idempotent` do once what is asked for with one `Idempotency-Key`
 * (draft-ietf-httpapi-idempotency-key-header-07). Looks at it once the body has passed the route's schema, and before the
 * handler: a body at fault is no request yet.
 */
export function installIdempotency(app: App, deps: Deps): void {
  app.decorateRequest('claim', null)
  app.decorateRequest('remember', function <T>(this: FastifyRequest, answerOf: (outcome: T) => Answer): Remember<T> {
    return async (db: Database, outcome: T) => this.claim?.remember(db, answerOf(outcome))
  })
  app.addHook('onRoute', (route) => {
    if (!route.config?.idempotent) return
    const { handler } = route
    route.handler = async function (request, reply) {
      return once(deps, request, reply, async () => handler.call(this, request, reply))
    }
  })
}

async function once(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  handle: () => Promise<unknown>,
): Promise<unknown> {
  const asked = request.validationError ? undefined : askedBy(request)
  if (!asked) return handle()
  const claiming = await claim(deps, asked, deps.clock.now())
  switch (claiming.kind) {
    case 'claimed':
      request.claim = claiming.claim
      return settling(deps.db, request, claiming.claim, handle)
    case 'answered':
      return repeat(reply, claiming.kept)
    case 'running':
      throw inProgress('the same request is running')
    case 'reused':
      throw new Refusal('idempotency_key_reused', 'another body under the same key')
  }
}

function askedBy(request: FastifyRequest): Asked | undefined {
  const header = request.headers['idempotency-key']
  if (header === undefined) return undefined
  const key = parseKey(String(header))
  if (key === undefined) {
    const detail = { id: 'refusal.bad_request.idempotency_key' } as const
    throw new Refusal('bad_request', 'no Idempotency-Key as it should be', { detail })
  }
  const { caller, candidate, params, routeOptions, method, body } = request
  const anyone = `network:${networkOf(request.clientAddress())}`
  const known = candidate ? `sign-in:${candidate.pendingId}` : anyone
  return {
    key,
    method,
    // The route and what its path holds, so that one path has one text however it is written.
    route: `${routeOptions.url} ${JSON.stringify(params)}`,
    asker: caller ? `user:${caller.userId}` : known,
    body: JSON.stringify(body),
  }
}

/** Does what is asked for. A refusal for good is kept; where nothing was done the claim is given back. */
async function settling(
  db: Database,
  request: FastifyRequest,
  claim: Claim,
  handle: () => Promise<unknown>,
): Promise<unknown> {
  try {
    const answer = await handle()
    if (!claim.isAnswered()) await claim.release()
    return answer
  } catch (error) {
    const settled = isForGood(error)
      ? claim.remember(db, { refused: error.code, details: error.details })
      : claim.release()
    // What cannot be written down now runs out by itself; the answer is what went wrong first.
    await settled.catch((err: unknown) =>
      request.log.warn({ err }, 'an idempotency key stays claimed for half a minute'),
    )
    throw error
  }
}

function repeat(reply: FastifyReply, kept: Kept): FastifyReply {
  if ('refused' in kept) {
    const headers = { ...kept.details.headers, ...REPLAYED }
    throw new Refusal(kept.refused, 'the same request was refused before', { ...kept.details, headers })
  }
  return reply
    .code(kept.status)
    .headers({ ...kept.headers, ...REPLAYED })
    .send(kept.body)
}
