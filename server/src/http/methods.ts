import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from '../kernel/refusal.ts'

/** Methods by which some path of ours can be asked, and one that stands in for all others: no path has it. */
const ROUTED: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const STAND_IN = 'TRACE'

const asked = new WeakMap<IncomingMessage, string>()

/**
 * The target by which a request is routed, as it came; on the way a method that no path has becomes the one that stands in for those. A
 * route for each of the thirty that HTTP knows would be a third of a start.
 */
export function targetOf(raw: IncomingMessage): string {
  const { method = '', url = '' } = raw
  if (!ROUTED.has(method) && method !== STAND_IN) {
    asked.set(raw, method)
    raw.method = STAND_IN
  }
  return url
}

/**
 * A known path asked by a method it lacks, any that HTTP knows, is a 405 with `Allow` (RFC 9110 §15.5.6), not a 404;
 * `OPTIONS` tells what DRF tells but for `actions`: the fields stand in the API's document, for whoever may call. Call
 * before any route is declared; the function it gives adds what the routes declared by then lack.
 */
export function watchMethods(app: FastifyInstance): () => void {
  const routes = new Map<string, { methods: Set<string>; name: string }>()
  app.addHook('onRoute', (route) => {
    const known = routes.get(route.url) ?? { methods: new Set(), name: '' }
    for (const method of [route.method].flat()) known.methods.add(method)
    known.name ||= route.schema?.summary ?? ''
    routes.set(route.url, known)
  })
  return () => {
    for (const [url, { methods, name }] of routes) addMissing(app, url, new Set(methods), name)
  }
}

function addMissing(app: FastifyInstance, url: string, methods: ReadonlySet<string>, name: string): void {
  const allow = [...methods, 'OPTIONS'].sort().join(', ')
  const config = { access: { who: 'public', unthrottled: true } } as const
  const hide = { hide: true } as object
  const missing = [...ROUTED, STAND_IN].filter((method) => method !== 'OPTIONS' && !methods.has(method))
  const refuse = (request: FastifyRequest): never => {
    throw new Refusal('method_not_allowed', 'known path, other method', {
      detail: { id: 'refusal.method_not_allowed.named', values: { method: asked.get(request.raw) ?? request.method } },
      headers: { allow },
    })
  }
  // Before anything looks at the body, which may be of a kind that only the right method takes.
  app.route({
    method: missing,
    url,
    config,
    schema: hide,
    exposeHeadRoute: false,
    onRequest: async (request) => refuse(request),
    handler: refuse,
  })
  app.options(url, { config, schema: hide }, (_, reply) =>
    reply
      .header('allow', allow)
      .send({ name, description: '', renders: ['application/json'], parses: ['application/json'] }),
  )
}
