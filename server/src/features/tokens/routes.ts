import type { FastifyInstance } from 'fastify'
import type { Tokens } from './service.ts'

// Short enough for a rotation to be known everywhere well before the new key signs (keys.ts).
const CACHE_CONTROL = 'public, max-age=300'

/** `GET /.well-known/jwks.json` (RFC 7517 §5): for other services, so without credentials and never throttled. */
export function jwksRoutes(app: FastifyInstance, tokens: Tokens): void {
  app.get('/.well-known/jwks.json', async (_request, reply) => {
    reply.header('cache-control', CACHE_CONTROL)
    return tokens.jwks()
  })
}
