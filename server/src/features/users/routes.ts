import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import { type BaseUrlRules, baseUrl } from '../../http/base-url.ts'
import { pageLink } from '../../http/page.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Random } from '../../kernel/random.ts'
import { Refusal } from '../../kernel/refusal.ts'
import type { Secret } from '../../kernel/secret.ts'
import { cursorsOf, pageBeside } from './cursor.ts'
import { type Listing, listingOf, listQuery } from './listing.ts'
import { pageAt } from './pages.ts'
import { toSummary, userSummary } from './service.ts'

export interface UserListDeps {
  readonly db: Database
  readonly urls: BaseUrlRules
  readonly secret: Secret
  readonly random: Random
}

const link = () =>
  z
    .url()
    .nullable()
    .meta({ examples: ['http://localhost:8000/api/users/?limit=10&offset=10'] })

const userPage = z
  .object({ count: z.int().min(0), next: link(), previous: link(), results: z.array(userSummary) })
  .meta({ id: 'UserPage' })

/** By cursor nobody counts. */
const cursorPage = userPage.omit({ count: true }).meta({ id: 'UserCursorPage' })

const userList = z.union([userPage, cursorPage]).meta({ id: 'UserList' })

export function userListRoutes(app: App, deps: UserListDeps): void {
  app.get(
    '/api/users/',
    {
      config: { access: { who: 'admin' } },
      schema: {
        operationId: 'listUsers',
        tags: ['Users'],
        summary: 'List users',
        description:
          'A page of users. Junk for a parameter means its default; a cursor that is none of ours is not found.',
        querystring: listQuery,
        response: { 200: userList, ...refusals('permission_denied', 'not_found') },
      },
    },
    async (request) => {
      const listing = listingOf(request.query)
      const base = baseUrl(deps.urls, request)
      const linkTo: LinkTo = (changes) => pageLink(deps.urls, request, changes)
      const { users, ...links } = await (listing.cursor === undefined ? byNumber : byCursor)(deps, listing, linkTo)
      return { ...links, results: users.map((user) => toSummary(user, base)) }
    },
  )
}

/** The address of this list with some parameters changed. */
type LinkTo = (changes: Readonly<Record<string, string | undefined>>) => string

async function byNumber({ db }: UserListDeps, { filter, ordering, limit, offset }: Listing, linkTo: LinkTo) {
  const { users, count } = await pageAt(db, filter, ordering, { limit, offset })
  const link = (to: number) => linkTo({ limit: String(limit), offset: to > 0 ? String(to) : undefined })
  return {
    users,
    count,
    next: offset + limit < count ? link(offset + limit) : null,
    previous: offset > 0 ? link(Math.max(0, offset - limit)) : null,
  }
}

async function byCursor(deps: UserListDeps, { filter, ordering, limit, cursor: text }: Listing, linkTo: LinkTo) {
  const cursors = cursorsOf(deps, ordering)
  const cursor = text ? cursors.read(text) : undefined
  if (text && !cursor)
    throw new Refusal('not_found', 'no cursor of ours', { detail: { id: 'refusal.not_found.cursor' } })
  const { users, next, previous } = await pageBeside(deps.db, filter, ordering, { limit, cursor })
  const link = (to: typeof next) => (to ? linkTo({ cursor: cursors.write(to), offset: undefined }) : null)
  return { users, next: link(next), previous: link(previous) }
}
