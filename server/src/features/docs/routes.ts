import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { refusals, text } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Random } from '../../kernel/random.ts'
import { Refusal } from '../../kernel/refusal.ts'
import { asset, ASSETS, type Cacheable, cacheable } from './assets.ts'
import { describe } from './document.ts'
import { errorListPage, errorPage, isCode } from './error-pages.ts'
import { homePage } from './home-page.ts'
import { chooseRendering, type Rendering, RENDERINGS } from './negotiation.ts'
import type { Operation } from './operations.ts'
import { redocPage, redocPolicy, SWAGGER_PAGE, SWAGGER_POLICY } from './pages.ts'
import { PLAIN_POLICY } from './plain-page.ts'

export interface DocsDeps {
  readonly operations: readonly Operation[]
  readonly publicUrl: string | undefined
  readonly random: Random
}

const config = { access: { who: 'public', unthrottled: true } } as const
const hide = true

/** The document of the API, two pages to read it in, a page for each way the server says no, and one that leads to them. */
export function docsRoutes(app: App, deps: DocsDeps): void {
  documentRoute(app, deps)
  uiRoutes(app, deps)
  errorRoutes(app)
  app.get('/', { config, schema: { hide } }, async (request, reply) =>
    sendPlainPage(request, reply, homePage(request.language())),
  )
}

function documentRoute(app: App, { operations, publicUrl }: DocsDeps): void {
  const written = new Map<string, Cacheable>()
  const write = async ({ format, mediaType }: Rendering): Promise<Cacheable> => {
    const document = describe(operations, publicUrl)
    if (format === 'json') return cacheable(JSON.stringify(document), mediaType)
    // Loaded only where it is asked for: it would lengthen every start.
    const { stringify } = await import('yaml')
    return cacheable(stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }), mediaType)
  }
  app.get(
    '/api/schema/',
    {
      config,
      schema: {
        operationId: 'readSchema',
        tags: ['Documentation'],
        summary: 'Read this document',
        description: 'OpenAPI 3.1, as YAML; as JSON when `format` or `Accept` asks for it.',
        querystring: z.object({
          format: z
            .unknown()
            .meta({ type: 'string', enum: ['yaml', 'json'], description: 'Goes before `Accept`.' })
            .optional(),
        }),
        response: {
          200: text(...RENDERINGS.map(({ mediaType }) => mediaType)),
          304: z.null(),
          ...refusals('not_found'),
        },
      },
    },
    async (request, reply) => {
      const rendering = chooseRendering(request.query.format, request.headers.accept)
      if (!rendering) throw new Refusal('not_found', 'no such format of the document')
      const document = written.get(rendering.mediaType) ?? (await write(rendering))
      written.set(rendering.mediaType, document)
      void reply.header('content-disposition', `inline; filename="latchkey.${rendering.format}"`)
      void varyBy(reply, 'accept')
      return sendCacheable(request, reply, document)
    },
  )
}

/** Adds to what the answer depends on already: the origin, where others may call. */
const varyBy = (reply: FastifyReply, header: string) =>
  reply.header('vary', [reply.getHeader('vary'), header].filter(Boolean).join(', '))

function sendCacheable(request: FastifyRequest, reply: FastifyReply, { body, mediaType, etag }: Cacheable) {
  void reply.header('cache-control', 'no-cache').header('etag', etag)
  const known = request.headers['if-none-match']?.split(',').map((each) => each.trim().replace(/^W\//, ''))
  return known?.includes(etag) ? reply.code(304).send() : reply.type(mediaType).send(body)
}

function uiRoutes(app: App, { random }: DocsDeps): void {
  app.get('/api/schema/ui/', { config, schema: { hide } }, async (_, reply) =>
    sendPage(reply, SWAGGER_PAGE, SWAGGER_POLICY),
  )
  app.get('/api/schema/redoc/', { config, schema: { hide } }, async (_, reply) => {
    const nonce = Buffer.from(random.bytes(16)).toString('base64')
    return sendPage(reply, redocPage(nonce), redocPolicy(nonce))
  })
  for (const name of ASSETS) {
    app.get(`/api/schema/assets/${name}`, { config, schema: { hide } }, async (request, reply) =>
      sendCacheable(request, reply, await asset(name)),
    )
  }
}

const sendPage = (reply: FastifyReply, html: string, policy: string) =>
  reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(html)

const pathParameters = z.object({ code: z.string().meta({ examples: ['throttled'] }) })

function errorRoutes(app: App): void {
  const shared = { tags: ['Documentation'] }
  app.get(
    '/errors/',
    {
      config,
      schema: {
        ...shared,
        operationId: 'listErrors',
        summary: 'Read all codes of failures',
        description: 'A page, in English or Persian by `Accept-Language`.',
        response: { 200: text('text/html') },
      },
    },
    async (request, reply) => sendPlainPage(request, reply, errorListPage(request.language())),
  )
  app.get(
    '/errors/:code/',
    {
      config,
      schema: {
        ...shared,
        operationId: 'readError',
        summary: 'Read what a code means',
        description: 'A page, in English or Persian by `Accept-Language`: what happened, and what to do.',
        params: pathParameters,
        response: { 200: text('text/html'), ...refusals('not_found') },
      },
    },
    async (request, reply) => {
      const { code } = request.params
      if (!isCode(code)) throw new Refusal('not_found', 'no such code')
      return sendPlainPage(request, reply, errorPage(request.language(), code))
    },
  )
}

function sendPlainPage(request: FastifyRequest, reply: FastifyReply, html: string) {
  void varyBy(reply, 'accept-language').header('content-language', request.language())
  return sendPage(reply, html, PLAIN_POLICY)
}
