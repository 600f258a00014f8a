import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Throttle } from '../../http/throttle.ts'
import { whenGone } from '../../http/when-gone.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Refusal, throttled } from '../../kernel/refusal.ts'
import type { TextId } from '../../kernel/texts.ts'
import { withStatus } from '../account/service.ts'
import {
  authenticate,
  endByRefresh,
  type PresentedRefresh,
  readRefresh,
  refresh,
  refreshStanding,
  type TokenFault,
  tokenPair,
} from '../sessions/service.ts'
import { findById } from '../users/service.ts'
import { giveUp } from './second-step-proof.ts'
import { knownSubject, type SignInDeps, signIn } from './service.ts'
import { deviceValue, example, signedIn, token, toSignedIn } from './wire.ts'

export interface TokenRouteDeps extends SignInDeps {
  readonly clock: Clock
  readonly throttle: Throttle
}

const credentials = z
  .object({
    // What is no address is nobody's, and gets the answer that nobody's address gets.
    email: fields.identifier().meta({ examples: ['sara@example.com'] }),
    password: fields.verbatim().meta({ examples: ['Correct-Horse-7'] }),
    device: deviceValue(),
  })
  .meta({ id: 'Credentials' })

const refreshBody = z.object({ refresh: fields.verbatim().meta({ examples: [example] }) }).meta({ id: 'Refresh' })

export function tokenRoutes(app: App, deps: TokenRouteDeps): void {
  signInRoute(app, deps)
  refreshRoute(app, deps)
  verifyRoute(app, deps)
  logoutRoute(app, deps)
}

function signInRoute(app: App, deps: TokenRouteDeps): void {
  app.post(
    '/api/token/',
    {
      config: { access: { who: 'public', scope: 'login', spares: (request) => sparedAs(deps, request) } },
      schema: {
        operationId: 'signIn',
        tags: ['Tokens'],
        summary: 'Sign in',
        description: 'Takes e-mail and password; gives a refresh token and an access token.',
        body: credentials,
        response: { 200: signedIn, ...refusals('invalid', 'no_active_account', 'overloaded') },
      },
    },
    async (request, reply) => {
      const outcome = await signIn(deps, request.body, request.act(), deps.clock.now(), whenGone(reply))
      if (outcome.kind === 'wait') throw throttled(outcome.retryAfterSeconds, `failed sign-ins at ${outcome.at}`)
      if (outcome.kind === 'refused') throw new Refusal('no_active_account', 'wrong password or no such account')
      deps.sessions.messages.wake()
      return toSignedIn(outcome)
    },
  )
}

/** By what the account knows whoever signs in, as far as the body has what it takes. */
async function sparedAs(deps: TokenRouteDeps, request: FastifyRequest): Promise<string | undefined> {
  const { email, device } = (request.body ?? {}) as { readonly email?: unknown; readonly device?: unknown }
  if (typeof email !== 'string') return undefined
  const named = { email, device: typeof device === 'string' ? device : undefined }
  return knownSubject(deps, named, request.act(), deps.clock.now())
}

function refreshRoute(app: App, deps: TokenRouteDeps): void {
  const { db, sessions } = deps
  app.post(
    '/api/token/refresh/',
    {
      config: { access: { who: 'public', unthrottled: true } },
      schema: {
        operationId: 'refreshToken',
        tags: ['Tokens'],
        summary: 'Refresh',
        description: 'Takes a refresh token for its successor and a new access token.',
        body: refreshBody,
        response: {
          200: z.object({ access: token(), refresh: token() }).meta({ id: 'Refreshed' }),
          ...refusals('invalid', 'token_not_valid', 'throttled'),
        },
      },
    },
    async (request) => {
      const now = deps.clock.now()
      const presented = ours(readRefresh(sessions, request.body.refresh, now))
      await deps.throttle.named('refresh', presented.sessionId)
      const rotation = await refresh(db, sessions, presented, request.act(), now)
      if (rotation.kind === 'expired') throw tokenFault('expired')
      if (rotation.kind !== 'rotated') throw tokenFault('blacklisted', `refresh token ${rotation.kind}`)
      const user = await findById(db, rotation.session.userId)
      if (!user || user.deactivatedAt) throw tokenFault('blacklisted')
      const pair = tokenPair(sessions, rotation.session, user, now)
      return { access: pair.access, refresh: pair.refresh }
    },
  )
}

function ours(presented: PresentedRefresh) {
  if (presented.kind === 'bad_token') throw tokenFault(presented.fault)
  return presented
}

const tokenFault = (fault: TokenFault, reason = `token ${fault}`): Refusal =>
  new Refusal('token_not_valid', reason, {
    detail: { id: `refusal.token_not_valid.${fault}` satisfies TextId },
  })

function verifyRoute(app: App, deps: TokenRouteDeps): void {
  app.post(
    '/api/token/verify/',
    {
      config: { access: { who: 'public', unthrottled: true } },
      schema: {
        operationId: 'verifyToken',
        tags: ['Tokens'],
        summary: 'Verify a token',
        description: 'Tells whether an access or refresh token of ours is live. Changes nothing.',
        body: z.object({ token: fields.verbatim().meta({ examples: [example] }) }).meta({ id: 'TokenToVerify' }),
        response: {
          200: z.object({}).meta({ id: 'TokenVerified' }),
          ...refusals('invalid', 'token_blacklisted', 'token_not_valid'),
        },
      },
    },
    async (request) => {
      await assertLive(deps, request.body.token)
      return {}
    },
  )
}

async function assertLive({ db, sessions, clock }: TokenRouteDeps, text: string): Promise<void> {
  const now = clock.now()
  const presented = readRefresh(sessions, text, now)
  if (presented.kind === 'ours') {
    const standing = await refreshStanding(db, sessions, presented, now)
    if (standing === 'expired') throw tokenFault('expired')
    if (standing === 'blacklisted') throw blacklisted()
    return
  }
  if (presented.fault !== 'wrong_type') throw tokenFault(presented.fault)
  const bearer = await authenticate(db, sessions, text, now)
  if (bearer.kind === 'bad_token') throw tokenFault(bearer.fault === 'blacklisted' ? 'invalid' : bearer.fault)
  if (bearer.kind === 'candidate') throw tokenFault('wrong_type')
  if (bearer.kind !== 'live') throw tokenFault('invalid')
}

const blacklisted = () =>
  new Refusal('token_blacklisted', 'rotated out, session ended or user gone', {
    faults: { non_field_errors: [{ id: 'refusal.token_not_valid.blacklisted' }] },
  })

function logoutRoute(app: App, deps: TokenRouteDeps): void {
  app.post(
    '/api/logout/',
    {
      config: { access: { who: 'signed_in_or_second_step' } },
      schema: {
        operationId: 'logout',
        tags: ['Tokens'],
        summary: 'Log out',
        description:
          'Ends the session of a refresh token of yours: this one, or another. In the second step of a sign-in, gives it up.',
        body: refreshBody,
        response: {
          200: z.object({ status: z.literal('You have logged out') }).meta({ id: 'LoggedOut' }),
          ...refusals('invalid', 'refresh_token_invalid'),
        },
      },
    },
    async (request) => {
      const now = deps.clock.now()
      const isEnded = await logOut(deps, request, request.body.refresh, now)
      if (!isEnded) throw withStatus('refresh_token_invalid', 'Token is Invalid')
      return { status: 'You have logged out' as const }
    },
  )
}

/** Who has a session may end any of his; who is in a second step may give up that sign-in and end nothing else. */
async function logOut(deps: TokenRouteDeps, request: FastifyRequest, text: string, now: Date): Promise<boolean> {
  const { caller, candidate } = request
  if (!candidate) {
    const presented = readRefresh(deps.sessions, text, now)
    if (presented.kind !== 'ours') return false
    const { sessionId } = presented
    return endByRefresh(deps.db, deps.sessions, { sessionId, userId: caller!.userId }, request.act(), now)
  }
  const presented = deps.sessions.tokens.verifySecondFactor(text, now)
  const isOwn = presented.kind === 'valid' && presented.claims.pendingId === candidate.pendingId
  return isOwn && giveUp(deps, candidate, request.act(), now)
}
