import { z } from 'zod'
import { REFUSALS, type RefusalCode } from '../kernel/refusal.ts'

/** What a route says of itself in its `schema`, beside what Fastify reads: the API's document is made from it. */
declare module 'fastify' {
  interface FastifySchema {
    hide?: boolean
    operationId?: string
    tags?: readonly string[]
    summary?: string
    description?: string
  }
}

/** An RFC 9457 problem with DRF's members as extensions. `code` is a list where a field of that name is at fault. */
export const problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  detail: z.string(),
  code: z.union([z.string(), z.array(z.string())]),
  request_id: z.string(),
})

/**
 * The refusals that are an operation's own, for its `response`: one problem a status. Those it shares with others of its
 * kind (no credentials, too many requests, a body that is no JSON, …) follow from who may call it and need no mention.
 */
export function refusals(...codes: readonly RefusalCode[]): Record<number, z.ZodType> {
  const byStatus: Record<number, z.ZodType> = {}
  for (const code of codes) {
    const status = REFUSALS[code]
    byStatus[status] ??= problem.meta({ refusals: codes.filter((other) => REFUSALS[other] === status) })
  }
  return byStatus
}

/** The codes a response was made from by `refusals`, or undefined for any other response. */
export const refusalsOf = (response: z.ZodType): readonly RefusalCode[] | undefined =>
  response.meta()?.['refusals'] as readonly RefusalCode[] | undefined

/** A response that is text of one of these media types. */
export const text = (...mediaTypes: readonly string[]) => z.string().meta({ mediaTypes })

/** In which media types a response comes; JSON unless it was made by `text`. */
export const mediaTypesOf = (response: z.ZodType): readonly string[] =>
  (response.meta()?.['mediaTypes'] as readonly string[] | undefined) ?? ['application/json']
