import { z } from 'zod'
import type { App } from '../../http/server.ts'
import type { PasskeyDeps } from './deps.ts'

// The pages of a service move seldom; a day late does no harm.
const CACHE_CONTROL = 'public, max-age=86400'

const page = () => z.url().meta({ examples: ['https://auth.example.com/'] })

/**
 * Where people add and manage their passkeys, for password managers that lead them there (W3C, "A Well-Known URL for Relying
 * Party Passkey Endpoints"). Passkeys are made on the pages their origins name; those are not ours, and their front door is
 * all we know of them.
 */
export function passkeyEndpointsRoute(app: App, { relyingParty }: Pick<PasskeyDeps, 'relyingParty'>): void {
  app.get(
    '/.well-known/passkey-endpoints',
    {
      config: { access: { who: 'public', unthrottled: true } },
      schema: {
        operationId: 'readPasskeyEndpoints',
        tags: ['Factors'],
        summary: 'Read where passkeys are added and managed',
        description: 'For password managers (W3C, passkey endpoints). The first of PASSKEY_ORIGINS, else PUBLIC_URL.',
        response: { 200: z.object({ enroll: page(), manage: page() }).meta({ id: 'PasskeyEndpoints' }) },
      },
    },
    async (_, reply) => {
      void reply.header('cache-control', CACHE_CONTROL)
      const front = `${relyingParty().origins[0]}/`
      return { enroll: front, manage: front }
    },
  )
}
