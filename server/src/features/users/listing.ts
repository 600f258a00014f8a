import { z } from 'zod'
import { limitOf, limitParameter, wholeNumber } from '../../http/page.ts'
import type { Ordering, UserFilter } from './list-store.ts'

const DEFAULT_LIMIT = 10

// Each term reads every user once more.
const MAX_TERMS = 8

const ORDERINGS = {
  id: { by: 'id', direction: 'asc' },
  '-id': { by: 'id', direction: 'desc' },
  email: { by: 'email', direction: 'asc' },
  '-email': { by: 'email', direction: 'desc' },
  // Numbers are given out in this order.
  created: { by: 'id', direction: 'asc' },
  '-created': { by: 'id', direction: 'desc' },
} as const satisfies Record<string, Ordering>

export const listQuery = z.object({
  limit: limitParameter(DEFAULT_LIMIT),
  offset: z.unknown().optional().meta({ type: 'integer', minimum: 0, default: 0, description: 'After how many.' }),
  search: z
    .unknown()
    .optional()
    .meta({
      type: 'string',
      description: `Words, each to be found in the e-mail address or a name; at most ${MAX_TERMS} are looked at.`,
    }),
  is_active: z
    .unknown()
    .optional()
    .meta({ type: 'boolean', description: 'Those who may sign in, or those who may not.' }),
  ordering: z
    .unknown()
    .optional()
    .meta({ type: 'string', enum: Object.keys(ORDERINGS), default: 'id', description: 'By what; `-` turns it round.' }),
  cursor: z.unknown().optional().meta({
    type: 'string',
    description: 'In place of `offset`: empty to begin, then what `next` and `previous` say. Gives no `count`.',
  }),
})

/** What a request asks to see. */
export interface Listing {
  readonly filter: UserFilter
  readonly ordering: Ordering
  readonly limit: number
  readonly offset: number
  /** Undefined: pages are numbered. Empty: from the beginning. */
  readonly cursor: string | undefined
}

/** DRF's reading of a query: junk is as good as nothing. */
export function listingOf(query: z.output<typeof listQuery>): Listing {
  const ordering = textOf(query.ordering) ?? ''
  return {
    filter: { terms: termsOf(textOf(query.search) ?? ''), isActive: booleanOf(textOf(query.is_active)) },
    ordering: Object.hasOwn(ORDERINGS, ordering) ? ORDERINGS[ordering as keyof typeof ORDERINGS] : ORDERINGS.id,
    limit: limitOf(query.limit, DEFAULT_LIMIT),
    offset: wholeNumber(query.offset) ?? 0,
    cursor: textOf(query.cursor),
  }
}

/** Of a parameter given twice the last. */
function textOf(value: unknown): string | undefined {
  const text: unknown = Array.isArray(value) ? value.at(-1) : value
  return typeof text === 'string' ? text : undefined
}

/** Words between spaces and commas (DRF's SearchFilter); PostgreSQL knows no NUL. */
const termsOf = (text: string): string[] =>
  text
    .replaceAll('\0', '')
    .split(/[\s,]+/)
    .filter((term) => term !== '')
    .slice(0, MAX_TERMS)

function booleanOf(text: string | undefined): boolean | undefined {
  const word = text?.toLowerCase()
  return word === 'true' || word === 'false' ? word === 'true' : undefined
}
