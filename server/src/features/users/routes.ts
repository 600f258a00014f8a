import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import { type BaseUrlRules, baseUrl } from '../../http/base-url.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import { page, toSummary, userSummary } from './service.ts'

export interface UserListDeps {
  readonly db: Database
  readonly urls: BaseUrlRules
}

const DEFAULT_LIMIT = 10
const MAX_LIMIT = 100

const listQuery = z.object({
  limit: z
    .unknown()
    .optional()
    .meta({ type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT, description: 'How many.' }),
  offset: z.unknown().optional().meta({ type: 'integer', minimum: 0, default: 0, description: 'After how many.' }),
})

const userPage = z
  .object({
    count: z.int().min(0),
    next: z
      .url()
      .nullable()
      .meta({ examples: ['http://localhost:8000/api/users/?limit=10&offset=10'] }),
    previous: z.url().nullable(),
    results: z.array(userSummary),
  })
  .meta({ id: 'UserPage' })

export function userListRoutes(app: App, { db, urls }: UserListDeps): void {
  app.get(
    '/api/users/',
    {
      config: { access: { who: 'admin' } },
      schema: {
        operationId: 'listUsers',
        tags: ['Users'],
        summary: 'List users',
        description: 'A page of users by id. Junk for `limit` or `offset` means the default.',
        querystring: listQuery,
        response: { 200: userPage, ...refusals('permission_denied') },
      },
    },
    async (request) => {
      const limit = Math.min(wholeNumber(request.query.limit) || DEFAULT_LIMIT, MAX_LIMIT)
      const offset = wholeNumber(request.query.offset) ?? 0
      const { users, count } = await page(db, limit, offset)
      const base = baseUrl(urls, request)
      const query = request.url.replace(/^[^?]*/, '')
      const link = (to: number) => pageLink(`${base}/api/users/${query}`, limit, to)
      return {
        count,
        next: offset + limit < count ? link(offset + limit) : null,
        previous: offset > 0 ? link(Math.max(0, offset - limit)) : null,
        results: users.map((user) => toSummary(user, base)),
      }
    },
  )
}

/** DRF's reading of a number: ASCII digits alone, of a parameter given twice the last. Cut where numbers stay exact. */
function wholeNumber(value: unknown): number | undefined {
  const text: unknown = Array.isArray(value) ? value.at(-1) : value
  if (typeof text !== 'string' || !/^\d+$/.test(text)) return undefined
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER)
}

/** The request's own address with the page changed; other parameters stay, `offset` goes where it would be 0. */
function pageLink(address: string, limit: number, offset: number): string {
  const url = new URL(address)
  url.searchParams.set('limit', String(limit))
  if (offset > 0) url.searchParams.set('offset', String(offset))
  else url.searchParams.delete('offset')
  url.searchParams.sort()
  return url.href
}
