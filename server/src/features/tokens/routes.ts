import type { App } from '../../http/server.ts'
import { jwkSetSchema } from './jwks.ts'
import type { Tokens } from './service.ts'

// Short enough for a rotation to be known everywhere well before the new key signs (keys.ts).
const CACHE_CONTROL = 'public, max-age=300'

/** The key set other services verify access tokens with (RFC 7517 §5): without credentials, never throttled. */
export function jwksRoutes(app: App, tokens: Tokens): void {
  app.get(
    '/.well-known/jwks.json',
    {
      config: { access: { who: 'public', unthrottled: true } },
      schema: {
        operationId: 'readKeySet',
        tags: ['Tokens'],
        summary: 'Read the public keys of access tokens',
        description:
          'A JWK set (RFC 7517). Keep it at most five minutes: a new key stands here for ten minutes before it signs.',
        response: { 200: jwkSetSchema },
      },
    },
    async (_, reply) => {
      void reply.header('cache-control', CACHE_CONTROL)
      return tokens.jwks()
    },
  )
}
