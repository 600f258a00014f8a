import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { before, minutes } from '../kernel/duration.ts'
import type { Language } from '../kernel/language.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { TextId } from '../kernel/texts.ts'
import type { Scope, Throttle } from './throttle.ts'

/** Who a bearer token speaks for, asked of the database at this very request. */
export interface Caller {
  readonly userId: number
  readonly sessionId: string
  readonly isAdmin: boolean
  readonly language: Language | null
  /** The token's `auth_time`. */
  readonly authenticatedAt: Date
}

/** Who a second-factor token speaks for: someone who proved a first factor and is nobody yet but for the second step. */
export interface Candidate {
  readonly userId: number
  readonly pendingId: string
  readonly language: Language | null
}

export type Authentication =
  | { readonly kind: 'caller'; readonly caller: Caller }
  | { readonly kind: 'candidate'; readonly candidate: Candidate }
  | { readonly kind: 'bad_token'; readonly message: TextId }
  | { readonly kind: 'user_not_found' }
  | { readonly kind: 'user_inactive' }

/** Tells whom an access token speaks for. Handed in by compose; asks token, session and user. */
export type Authenticator = (token: string, now: Date) => Promise<Authentication>

/**
 * Who may call a route. `public` ignores `Authorization`; everywhere else a bad token is refused, needed or not. A
 * second-factor token is a bad one but for `second_step` and `signed_in_or_second_step`.
 */
export type Who =
  | 'public'
  | 'anyone'
  | 'anonymous_or_admin'
  | 'signed_in'
  | 'self_or_admin'
  | 'admin'
  | 'second_step'
  | 'signed_in_or_second_step'

export interface Access {
  readonly who: Who
  /** Counted beside `anon` or `user`, by the caller's address or user. */
  readonly scope?: Scope
  /**
   * What a request of the anonymous is counted by under the scope once its address has used up the quota, as far as its body,
   * which no schema has seen yet, names somebody known: thousands stand behind one address. Undefined: by nothing else.
   */
  readonly spares?: (request: FastifyRequest) => Promise<string | undefined>
  /** Not counted at all: health, keys, pages of documentation, and what is counted by the body. */
  readonly unthrottled?: true
  /** Needs a sign-in younger than ten minutes: what could lock someone out or hand an account over. */
  readonly fresh?: true
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyRequest {
    /** Null for the anonymous. */
    caller: Caller | null
    /** Null but in the second step of a sign-in. */
    candidate: Candidate | null
    /** When it was asked who calls; null while it was not. */
    admittedAt: Date | null
    /** What the request ends in unless its body names somebody who is spared; null for all others. */
    heldBack: Refusal | null
  }
}

/**
 * Asks authentication, permission and throttles, in this order and before the body is read. A route that does not say
 * who may call it does not start.
 */
export function installGuard(
  app: FastifyInstance,
  authenticate: Authenticator,
  throttle: Throttle,
  now: () => Date,
): void {
  app.decorateRequest('caller', null)
  app.decorateRequest('candidate', null)
  app.decorateRequest('admittedAt', null)
  app.decorateRequest('heldBack', null)
  app.addHook('onRoute', (route) => {
    if (!route.config?.access) throw new Error(`${String(route.method)} ${route.url} does not say who may call it`)
  })
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    const access = request.routeOptions.config.access
    if (!access) return // no route: a 404 costs nothing, so nobody counts it
    await admit(request, access, authenticate, now())
    if (access.unthrottled) return
    await throttle.request(request, reply, access.spares ? undefined : access.scope)
    if (access.spares && access.scope) request.heldBack = await throttle.byAddress(request, access.scope)
  })
  // A body may be many seconds on its way. Who was let in by the head of a request is asked again once it is there, or a
  // request held open would keep a session good for one more act after its end (invariant I2).
  app.addHook('preValidation', async (request: FastifyRequest) => {
    const { admittedAt, body } = request
    const access = request.routeOptions.config.access
    if (!access || !admittedAt || body === undefined) return
    const moment = now()
    if (moment.getTime() !== admittedAt.getTime()) await admit(request, access, authenticate, moment)
  })
  app.addHook('preValidation', async (request: FastifyRequest) => {
    if (request.heldBack) await spare(request, throttle)
  })
}

/** Lets somebody known past what others behind his address used up; he has a quota of his own. */
async function spare(request: FastifyRequest, throttle: Throttle): Promise<void> {
  const { scope, spares } = request.routeOptions.config.access ?? {}
  const known = await spares?.(request)
  if (known === undefined) throw request.heldBack!
  request.heldBack = null
  await throttle.named(scope!, `known:${known}`)
}

async function admit(request: FastifyRequest, access: Access, authenticate: Authenticator, now: Date): Promise<void> {
  if (access.who !== 'public') await identify(request, access.who, authenticate, now)
  requirePermission(access.who, request)
  if (access.fresh) requireFresh(request, now)
  request.admittedAt = now
}

async function identify(request: FastifyRequest, who: Who, authenticate: Authenticator, now: Date): Promise<void> {
  const token = bearerToken(request.headers.authorization)
  if (token === undefined) return
  const authentication = await authenticate(token, now)
  switch (authentication.kind) {
    case 'caller':
      if (who === 'second_step') throw badToken('refusal.token_not_valid.wrong_type', request)
      request.caller = authentication.caller
      return
    case 'candidate':
      if (!isSecondStep(who)) throw badToken('refusal.token_not_valid.wrong_type', request)
      request.candidate = authentication.candidate
      return
    case 'bad_token':
      throw badToken(authentication.message, request)
    case 'user_not_found':
    case 'user_inactive':
      throw new Refusal(authentication.kind, authentication.kind)
  }
}

/** Whether a route takes second-factor tokens. */
const isSecondStep = (who: Who): boolean => who === 'second_step' || who === 'signed_in_or_second_step'

// Long enough for a page of settings, short enough that a session left open hands nothing over.
const FRESH_FOR = minutes(10)

/**
 * Refuses a caller whose token tells of no sign-in within ten minutes. By the token and not by its session, so that a token
 * stolen before gains nothing when its owner signs in again. For what a route asks of some bodies alone.
 */
export function requireFresh({ caller }: FastifyRequest, now: Date): void {
  if (caller && caller.authenticatedAt <= before(now, FRESH_FOR)) {
    throw new Refusal('reauthentication_required', 'no sign-in within ten minutes')
  }
}

/** The token of a `Bearer` header (RFC 6750 §2.1; the scheme in any case, RFC 9110 §11.1); another scheme is none. */
function bearerToken(header: string | undefined): string | undefined {
  const [scheme, ...parts] = header?.trim().split(/\s+/) ?? []
  if (scheme?.toLowerCase() !== 'bearer') return undefined
  if (parts.length !== 1) throw new Refusal('bad_authorization_header', 'not two values')
  return parts[0]
}

/** A bearer token that is good for nothing here, in simplejwt's words. */
export const badToken = (message: TextId, request: FastifyRequest): Refusal =>
  new Refusal('token_not_valid', `access token: ${message}`, {
    members: { messages: [{ token_class: 'AccessToken', token_type: 'access', message: request.say(message) }] },
  })

function requirePermission(who: Who, request: FastifyRequest): void {
  const { caller, candidate } = request
  const needsNone = who === 'public' || who === 'anyone' || who === 'anonymous_or_admin'
  const isKnown = caller !== null || (isSecondStep(who) && candidate !== null)
  if (!needsNone && !isKnown) throw new Refusal('not_authenticated', 'no bearer token')
  const reason = caller && !caller.isAdmin ? whyNot(who, request, caller) : undefined
  if (reason !== undefined) throw new Refusal('permission_denied', reason)
}

/** Why someone who is signed in and no admin may not call. */
function whyNot(who: Who, request: FastifyRequest, caller: Caller): string | undefined {
  if (who === 'anonymous_or_admin') return 'signed in, and no admin'
  if (who === 'admin') return 'no admin'
  if (who === 'self_or_admin' && !isSelf(request, caller)) return 'neither that user nor an admin'
  return undefined
}

/** Compared as text, so that `01` is nobody: the same answer whether or not the id exists. */
const isSelf = (request: FastifyRequest, caller: Caller): boolean =>
  (request.params as { id?: string }).id === String(caller.userId)
