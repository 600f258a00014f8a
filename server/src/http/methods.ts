import type { FastifyInstance, FastifyRequest } from 'fastify'
import { METHODS } from 'node:http'
import { Refusal } from '../kernel/refusal.ts'

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
  for (const method of METHODS) if (!app.supportedMethods.includes(method)) app.addHttpMethod(method)
  return () => {
    for (const [url, { methods, name }] of routes) addMissing(app, url, new Set(methods), name)
  }
}

function addMissing(app: FastifyInstance, url: string, methods: ReadonlySet<string>, name: string): void {
  const allow = [...methods, 'OPTIONS'].sort().join(', ')
  const config = { access: { who: 'public', unthrottled: true } } as const
  const hide = { hide: true } as object
  const missing = METHODS.filter((method) => method !== 'OPTIONS' && !methods.has(method))
  const refuse = (request: FastifyRequest): never => {
    throw new Refusal('method_not_allowed', 'known path, other method', {
      detail: { id: 'refusal.method_not_allowed.named', values: { method: request.method } },
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
