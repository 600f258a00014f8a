import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import { type BaseUrlRules, baseUrl } from '../../http/base-url.ts'
import { refusals } from '../../http/openapi.ts'
import { limitOf, limitParameter, pageLink, wholeNumber } from '../../http/page.ts'
import type { App } from '../../http/server.ts'
import { page, toSummary, userSummary } from './service.ts'

export interface UserListDeps {
  readonly db: Database
  readonly urls: BaseUrlRules
}

const DEFAULT_LIMIT = 10

const listQuery = z.object({
  limit: limitParameter(DEFAULT_LIMIT),
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
      const limit = limitOf(request.query.limit, DEFAULT_LIMIT)
      const offset = wholeNumber(request.query.offset) ?? 0
      const { users, count } = await page(db, limit, offset)
      const base = baseUrl(urls, request)
      const link = (to: number) =>
        pageLink(urls, request, { limit: String(limit), offset: to > 0 ? String(to) : undefined })
      return {
        count,
        next: offset + limit < count ? link(offset + limit) : null,
        previous: offset > 0 ? link(Math.max(0, offset - limit)) : null,
        results: users.map((user) => toSummary(user, base)),
      }
    },
  )
}
