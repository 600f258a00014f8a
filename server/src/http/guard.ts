import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
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
}

export type Authentication =
  | { readonly kind: 'caller'; readonly caller: Caller }
  | { readonly kind: 'bad_token'; readonly message: TextId }
  | { readonly kind: 'user_not_found' }
  | { readonly kind: 'user_inactive' }

/** Tells whom an access token speaks for. Handed in by compose; asks token, session and user. */
export type Authenticator = (token: string, now: Date) => Promise<Authentication>

/** Who may call a route. `public` ignores `Authorization`; everywhere else a bad token is refused, needed or not. */
export type Who = 'public' | 'anyone' | 'anonymous_or_admin' | 'signed_in' | 'self_or_admin' | 'admin'

export interface Access {
  readonly who: Who
  /** Counted beside `anon` or `user`, by the caller's address or user. */
  readonly scope?: Scope
  /** Not counted at all: health, keys, pages of documentation, and what is counted by the body. */
  readonly unthrottled?: true
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyRequest {
    /** Null for the anonymous. */
    caller: Caller | null
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
  app.addHook('onRoute', (route) => {
    if (!route.config?.access) throw new Error(`${String(route.method)} ${route.url} does not say who may call it`)
  })
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    const access = request.routeOptions.config.access
    if (!access) return // no route: a 404 costs nothing, so nobody counts it
    if (access.who !== 'public') request.caller = await callerOf(request, authenticate, now())
    requirePermission(access.who, request)
    if (!access.unthrottled) await throttle.request(request, reply, access.scope)
  })
}

async function callerOf(request: FastifyRequest, authenticate: Authenticator, now: Date): Promise<Caller | null> {
  const token = bearerToken(request.headers.authorization)
  if (token === undefined) return null
  const authentication = await authenticate(token, now)
  switch (authentication.kind) {
    case 'caller':
      return authentication.caller
    case 'bad_token':
      throw badToken(authentication.message, request)
    case 'user_not_found':
    case 'user_inactive':
      throw new Refusal(authentication.kind, authentication.kind)
  }
}

/** The token of a `Bearer` header (RFC 6750 §2.1; the scheme in any case, RFC 9110 §11.1); another scheme is none. */
function bearerToken(header: string | undefined): string | undefined {
  const [scheme, ...parts] = header?.trim().split(/\s+/) ?? []
  if (scheme?.toLowerCase() !== 'bearer') return undefined
  if (parts.length !== 1) throw new Refusal('bad_authorization_header', 'not two values')
  return parts[0]
}

const badToken = (message: TextId, request: FastifyRequest): Refusal =>
  new Refusal('token_not_valid', `access token: ${message}`, {
    members: { messages: [{ token_class: 'AccessToken', token_type: 'access', message: request.say(message) }] },
  })

function requirePermission(who: Who, request: FastifyRequest): void {
  const { caller } = request
  if (who === 'public' || who === 'anyone') return
  if (who === 'anonymous_or_admin') {
    if (caller && !caller.isAdmin) throw new Refusal('permission_denied', 'signed in, and no admin')
    return
  }
  if (!caller) throw new Refusal('not_authenticated', 'no bearer token')
  if (who === 'admin' && !caller.isAdmin) throw new Refusal('permission_denied', 'no admin')
  if (who === 'self_or_admin' && !caller.isAdmin && !isSelf(request, caller)) {
    throw new Refusal('permission_denied', 'neither that user nor an admin')
  }
}

/** Compared as text, so that `01` is nobody: the same answer whether or not the id exists. */
const isSelf = (request: FastifyRequest, caller: Caller): boolean =>
  (request.params as { id?: string }).id === String(caller.userId)
