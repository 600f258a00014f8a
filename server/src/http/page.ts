import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type BaseUrlRules, baseUrl } from './base-url.ts'
import { refuse } from './parameters.ts'

/** DRF's reading of a number: ASCII digits alone, of a parameter given twice the last. Cut where numbers stay exact. */
export function wholeNumber(value: unknown): number | undefined {
  const text: unknown = Array.isArray(value) ? value.at(-1) : value
  if (typeof text !== 'string' || !/^\d+$/.test(text)) return undefined
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER)
}

const MAX_LIMIT = 100

/** How many a page holds, at most 100; junk and 0 mean the default. */
export const limitOf = (value: unknown, byDefault: number): number =>
  Math.min(wholeNumber(value) || byDefault, MAX_LIMIT)

/** The query parameter `limitOf` reads. */
export const limitParameter = (byDefault: number) =>
  z
    .unknown()
    .optional()
    .meta({ type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: byDefault, description: 'How many.' })

/** The address of a request, absolute, with some parameters changed, or taken away by undefined; the others stay. */
export function pageLink(
  urls: BaseUrlRules,
  request: FastifyRequest,
  changes: Readonly<Record<string, string | undefined>>,
): string {
  const url = new URL(`${baseUrl(urls, request)}${request.routeOptions.url}${request.url.replace(/^[^?]*/, '')}`)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) url.searchParams.delete(name)
    else url.searchParams.set(name, value)
  }
  url.searchParams.sort()
  return url.href
}

/** What stands for an id, so that nobody reads anything into it. */
export const cursorOf = (id: string): string => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')

const CURSOR = /^[\w-]{22}$/

/** The query parameter that says after which row a page begins; parses to that row's id (a UUID). */
export const cursorParameter = () =>
  z
    .unknown()
    .transform((value, context): string => {
      const bytes = typeof value === 'string' && CURSOR.test(value) ? Buffer.from(value, 'base64url') : Buffer.alloc(0)
      const id = bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
      if (bytes.length === 16 && cursorOf(id) === value) return id
      refuse(context, { id: 'fault.invalid_cursor' })
      return z.NEVER
    })
    .optional()
    .meta({ type: 'string', description: 'Where the page begins: what `next` carries.' })
